// SPDX-License-Identifier: Apache-2.0
//
// The ways to watch a program that are compared: what stands before its command line, and what its
// environment gets. One that this machine cannot run says why instead.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { AGENT, ROOT } from "./programs.js";

export interface Watcher {
  readonly name: string;
  readonly before: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Every call stops the program: it gets fewer of them. */
  readonly isSlow?: boolean;
  /** Only where it is asked for. */
  readonly isExtra?: boolean;
}

const BUILT = join(ROOT, "build/bench");
const discard = ["--host", "discard"];

export function watchers(): { able: Watcher[]; unable: string[] } {
  const able: Watcher[] = [
    { name: "native", before: [] },
    { name: "vedette", before: [AGENT, ...discard, "--"] },
    { name: "normal", before: [AGENT, ...discard, "--integrity", "normal", "--"], isExtra: true },
    { name: "strict", before: [AGENT, ...discard, "--integrity", "strict", "--"] },
    { name: "trace", before: [AGENT, ...discard, "--tiers", "trace", "--"], isSlow: true },
    { name: "preload", before: [], env: { LD_PRELOAD: shared("preload") } },
  ];
  const unable: string[] = [];
  const strace = spawnSync("strace", ["-V"]).status === 0;
  if (strace) able.push({ name: "strace", before: ["strace", "-f", "-o", "/dev/null"], isSlow: true });
  else unable.push("strace: not installed");
  const ebpf = ebpfCapture();
  if (typeof ebpf === "string") unable.push(`ebpf: ${ebpf}`);
  else able.push(ebpf);
  return { able, unable };
}

function shared(name: string): string {
  const out = join(BUILT, `${name}.so`);
  compile(join(ROOT, "bench/programs", `${name}.c`), out, ["gcc", "-O2", "-shared", "-fPIC"], ["-ldl"]);
  return out;
}

// Needs clang, libbpf and a kernel that lets us: else a reason.
function ebpfCapture(): Watcher | string {
  const clang = ["clang", "clang-19", "clang-18", "clang-16", "clang-14"].find(
    (name) => spawnSync(name, ["--version"]).status === 0,
  );
  if (clang === undefined) return "no clang";
  if (!existsSync("/usr/include/bpf/libbpf.h")) return "no libbpf-dev";
  const object = join(BUILT, "capture.bpf.o");
  const loader = join(BUILT, "ebpf-capture");
  try {
    const source = join(ROOT, "bench/ebpf/capture.bpf.c");
    compile(
      source,
      object,
      [clang, "-target", "bpf", "-O2", "-g", "-D__TARGET_ARCH_x86", "-I/usr/include/x86_64-linux-gnu", "-c"],
      [],
    );
    compile(join(ROOT, "bench/ebpf/capture.c"), loader, ["gcc", "-O2"], ["-lbpf", "-lelf", "-lz"]);
  } catch (error) {
    return `does not build: ${String((error as Error).message).split("\n")[0]}`;
  }
  const tried = spawnSync(loader, [object, "/bin/true"]);
  return tried.status === 0 ? { name: "ebpf", before: [loader, object] } : "this machine does not let us load BPF";
}

function compile(source: string, out: string, before: string[], after: string[]): void {
  if (existsSync(out) && statSync(out).mtimeMs > statSync(source).mtimeMs) return;
  mkdirSync(BUILT, { recursive: true });
  const [command, ...args] = [...before, "-o", out, source, ...after];
  execFileSync(command!, args, { stdio: "pipe" });
}
