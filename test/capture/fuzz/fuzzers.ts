// SPDX-License-Identifier: Apache-2.0
//
// Builds and runs the fuzzers of what reads bytes of others on the capture side (libFuzzer; the targets lie
// beside this file). All run at once. The corpus of each is kept in build/fuzz/corpus; its first seeds are
// made from this machine's own files.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../../e2e/programs.js";

export const FUZZERS = ["elf", "eh_frame", "pclntab", "site_cache", "batch"];
const FOLDER = join(ROOT, "build/fuzz");
const BUILD_MS = 400_000;

export interface Outcome {
  name: string;
  runs: number;
  // What was found wrong, with the command that shows it again; empty: nothing.
  wrong: string;
}

export async function buildFuzzers(): Promise<void> {
  const built = await run(["make", "-C", join(ROOT, "capture"), "-j2", "fuzz"], { limitMs: BUILD_MS });
  if (built.status !== 0) throw new Error(`the fuzzers are not built:\n${built.stdout}${built.stderr}`);
}

export async function fuzz(seconds: number, names: string[] = FUZZERS): Promise<Outcome[]> {
  sow();
  return Promise.all(names.map((name) => fuzzOne(name, seconds)));
}

async function fuzzOne(name: string, seconds: number): Promise<Outcome> {
  const crashes = join(FOLDER, "crashes", name);
  mkdirSync(crashes, { recursive: true });
  const limits = ["-timeout=20", "-rss_limit_mb=1024", "-max_len=16384", "-print_final_stats=1"];
  const argv = [
    join(FOLDER, name),
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${crashes}/`,
    ...limits,
    corpus(name),
  ];
  const ended = await run(argv, { limitMs: seconds * 1000 + 120_000 });
  const runs = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(ended.stderr)?.[1] ?? 0);
  if (ended.status === 0) return { name, runs, wrong: "" };
  const artifact = /Test unit written to (\S+)/.exec(ended.stderr)?.[1] ?? "";
  const bytes = artifact === "" ? "" : `; its bytes: ${readFileSync(artifact).toString("base64").slice(0, 4_000)}`;
  return { name, runs, wrong: `${ended.stderr.slice(-4_000)}\nagain: build/fuzz/${name} ${artifact}${bytes}` };
}

function corpus(name: string): string {
  const folder = join(FOLDER, "corpus", name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

// The smallest program that makes system calls, what the linker wrote into it, and tables made by hand.
function sow(): void {
  const folder = mkdtempSync(join(tmpdir(), "vedette-seeds-"));
  try {
    const [source, program, frames] = [join(folder, "a.c"), join(folder, "a"), join(folder, "frames")];
    writeFileSync(
      source,
      'void _start(void) { __asm__("xor %eax,%eax; syscall; mov $39,%eax; syscall; cpuid; hlt"); }\n',
    );
    execFileSync("cc", ["-nostdlib", "-static", "-o", program, source]);
    execFileSync("objcopy", ["-O", "binary", "-j", ".eh_frame", program, frames]);
    seed("elf", readFileSync(program));
    seed("eh_frame", Buffer.concat([Buffer.alloc(8), words(0x402000n), readFileSync(frames)]));
  } finally {
    rmSync(folder, { recursive: true });
  }
  const header = Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]); // Go 1.20: one function, text at 0x401000
  const places = words(1n, 0n, 0x401000n, 72n, 72n, 72n, 72n, 72n);
  seed("pclntab", Buffer.concat([header, places, Buffer.alloc(64, 16)]));
  seed("site_cache", Buffer.from([1, 0x60, 0, 5, 0, 0, 1, 5, 0, 0xa1, 1, 9, 0, 0, 1, 5, 0, 1, 2, 3, 4]));
  seed("batch", Buffer.concat([Buffer.from([1, 1, 2, 3, 1, 1, 1, 4]), Buffer.alloc(1024, 0)]));
}

function seed(name: string, bytes: Buffer): void {
  writeFileSync(join(corpus(name), "seed"), bytes);
}

function words(...values: bigint[]): Buffer {
  return Buffer.from(new BigUint64Array(values).buffer);
}
