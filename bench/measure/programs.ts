// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks run: small programs in C that measure themselves (bench/programs/), built when their
// source is newer.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
export const AGENT = join(ROOT, "build/vedette-capture");
export const VEDETTE = [process.execPath, join(ROOT, "build/js/host/main.js")];

export function buildProgram(name: string): string {
  const source = join(ROOT, "bench/programs", `${name}.c`);
  const out = join(ROOT, "build/bench", name);
  if (existsSync(out) && statSync(out).mtimeMs > statSync(source).mtimeMs) return out;
  mkdirSync(join(ROOT, "build/bench"), { recursive: true });
  execFileSync("gcc", ["-O2", "-Wall", "-o", out, source]);
  return out;
}

export function outputOf(argv: string[], limitMs = 120_000): string {
  const [command, ...args] = argv;
  return execFileSync(command!, args, { encoding: "utf8", timeout: limitMs, stdio: ["ignore", "pipe", "pipe"] });
}
