// SPDX-License-Identifier: Apache-2.0
//
// What one pread of 4 KiB from the page cache costs: bare, traced by the agent alone (events made and thrown
// away), and under `vedette run` with the default policies. The program times itself, so starting up is not
// in it.
import { interleaved } from "./median.js";
import { AGENT, buildProgram, outputOf, VEDETTE } from "./programs.js";

const ROUNDS = 5;
const NATIVE_CALLS = 300_000;
const TRACED_CALLS = 20_000;

export interface CallCost {
  native: number;
  agent: number;
  run: number;
}

export function measureCalls(): CallCost {
  const program = buildProgram("preads");
  const time = (argv: string[], count: number): number => Number(outputOf([...argv, program, String(count)]));
  return interleaved(ROUNDS, {
    native: () => time([], NATIVE_CALLS),
    agent: () => time([AGENT, "--tiers", "trace", "--host", "discard", "--"], TRACED_CALLS),
    run: () => time([...VEDETTE, "run", "--tiers", "trace", "--alerts", "/dev/null", "--"], TRACED_CALLS),
  });
}
