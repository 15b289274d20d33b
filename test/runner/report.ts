// SPDX-License-Identifier: Apache-2.0
//
// What a person reads after a run: each failure with the command that shows it again, each skip with what is
// missing, and the last line.
import type { Outcome } from "./run-job.js";

export function failureText(outcome: Outcome): string {
  const { job, output } = outcome;
  const again =
    job.kind === "check" ? "npm run check" : `npm test -- ${job.path.includes(" ") ? `"${job.path}"` : job.path}`;
  return `${"─".repeat(100)}\n${output.trimEnd()}\n\n${job.path} failed; again: ${again}\n`;
}

export function skipLines(outcomes: Outcome[]): string[] {
  return outcomes.flatMap((outcome) => outcome.skips.map((skip) => `${skip} (${outcome.job.path})`));
}

export function lastLine(outcomes: Outcome[]): string {
  const sum = (key: "passed" | "failed" | "skipped"): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
