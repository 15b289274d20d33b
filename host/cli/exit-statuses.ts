// SPDX-License-Identifier: Apache-2.0
// What a status that `vedette` ends with means. docs/exit-statuses.md and the manual page print this table,
// and a test looks that each status of the catalogue of errors is in it.

/** The status of a command that worked, and could not tell all of it. */
export const LOST = 123;

/** A status and its meaning; `null`: any other. */
export const EXIT_STATUSES: readonly (readonly [status: number | null, meaning: string])[] = [
  [0, "It worked. Of a command with a workload: the workload ended with 0. With `--pid`: or you ended the watching."],
  [1, "It was done, and the answer is no: a test of a policy failed, a file is not up to date, judging failed."],
  [2, "The command line, or a file that it names, is wrong. Nothing was started."],
  [70, "A bug in Vedette. Please report what it printed."],
  [122, "The capture agent was ended from outside, and the workload with it. With `--pid`: the process goes on."],
  [LOST, "It worked, or the workload ended with 0, but alerts or events were lost: an output did not take them."],
  [125, "Vedette could not start or could not go on: the kernel, the container or a listener refused."],
  [126, "The workload's file cannot be executed."],
  [127, "The workload's command was not found."],
  [null, "That of the workload. A workload that was ended by signal N gives 128 + N."],
];
