// SPDX-License-Identifier: Apache-2.0
//
// What rows of prevention cost a call that they do not deny: an agent alone, with so many rows of the call's
// own kind, and a program that makes the call again and again.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostWords, wireRow } from "../../test/e2e/prevention.js";
import { interleaved } from "./median.js";
import { AGENT, buildProgram, outputOf, ROOT } from "./programs.js";

/** Rows of the kind, each different, none of which speaks of what the program does. */
const KINDS: Record<string, { count: number; row: (i: number) => ReturnType<typeof wireRow> }> = {
  connect: { count: 3000, row: (i) => wireRow("connect", { name: `r${i}`, networks: [`10.${i}.0.0/16`] }) },
  exec: { count: 200, row: (i) => wireRow("exec", { name: `r${i}`, files: [`/opt/app-${i}/*`, "/usr/*", "/bin/*"] }) },
};
export const ROWS = [0, 1, 10, 100] as const;

export interface RowCost {
  readonly call: string;
  /** ns a call without an agent, and by number of rows with one. */
  readonly native: number;
  readonly byRows: Readonly<Record<string, number>>;
}

export function measureRows(rounds: number): RowCost[] {
  const folder = mkdtempSync(join(tmpdir(), "vedette-rows-"));
  try {
    const host = join(folder, "rows_host");
    execFileSync("gcc", ["-O2", "-o", host, join(ROOT, "test/lab/rows_host.c")]);
    return Object.entries(KINDS).map(([call, { count, row }]) => {
      const program = [buildProgram("guarded"), call, String(count)];
      const agent = (words: string) => [host, words, "/dev/null", AGENT, "--host", "fd:3", "--start", "security", "--"];
      const runs: Record<string, () => number> = { native: () => Number(outputOf(program)) };
      for (const number of ROWS) {
        const words = join(folder, `${call}-${number}`);
        const rows = Array.from({ length: number }, (_, i) => row(i));
        writeFileSync(words, hostWords(rows));
        runs[number] = () => Number(outputOf([...agent(words), ...program]));
      }
      const { native = 0, ...byRows } = interleaved(rounds, runs);
      return { call, native, byRows };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
