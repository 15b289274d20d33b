// SPDX-License-Identifier: Apache-2.0
// Types a command in the test's own process, which takes a tenth of the time that a new one does. What the
// command writes to standard output and standard error is kept instead; it writes there with writeSync alone
// (host/output/sink.ts).
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { report } from "../../../host/cli/failure.js";
import { runProgram } from "../../../host/cli/program.js";

/** How a command ended. */
export interface Typed {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `vedette WORDS...`. One at a time: what it writes is the process's. */
export async function typed(...words: string[]): Promise<Typed> {
  const native = fs.writeSync;
  const written: Buffer[][] = [[], [], []];
  fs.writeSync = ((fd: number, bytes: Buffer, at?: number, ...rest: (number | null)[]) => {
    if (fd !== 1 && fd !== 2) return native(fd, bytes, at, ...rest);
    written[fd]!.push(Buffer.from(bytes.subarray(at)));
    return bytes.length - (at ?? 0);
  }) as typeof fs.writeSync;
  syncBuiltinESMExports();
  try {
    const status = await runProgram(words).catch(report);
    const [, stdout, stderr] = written.map((parts) => Buffer.concat(parts).toString("utf8"));
    return { status, stdout: stdout!, stderr: stderr! };
  } finally {
    fs.writeSync = native;
    syncBuiltinESMExports();
  }
}

/** The same, with a folder of the process. */
export async function typedIn(folder: string, ...words: string[]): Promise<Typed> {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await typed(...words);
  } finally {
    process.chdir(before);
  }
}
