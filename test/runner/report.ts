// SPDX-License-Identifier: Apache-2.0
//
// What a person reads after a run: each failure with the command that shows it again, each skip with what is
// missing, and the last line.
import type { Job } from "./jobs.js";
import type { Outcome } from "./run-job.js";

/** The doors of what is no test file. */
const AGAIN: Partial<Record<Job["kind"], string>> = { check: "npm run check", coverage: "npm run coverage" };

export function failureText(outcome: Outcome): string {
  const { job, output } = outcome;
  const again = AGAIN[job.kind] ?? `npm test -- ${job.path.includes(" ") ? `"${job.path}"` : job.path}`;
  return `${"─".repeat(100)}\n${output.trimEnd()}\n\n${job.path} failed; again: ${again}\n`;
}

/** A line of CI's log: what a file took, or the figure that a job is there for. */
export function passedText({ job, output, passed, ms, cpuMs }: Outcome): string {
  const figure = job.kind === "coverage" ? /^coverage of .*$/m.exec(output)?.[0] : undefined;
  return `${figure ?? `${job.path}: ${passed} passed`}, ${took({ ms, cpuMs })}`;
}

export function skipLines(outcomes: Outcome[]): string[] {
  return outcomes.flatMap((outcome) => outcome.skips.map((skip) => `${skip} (${outcome.job.path})`));
}

const LONGEST = 10;

/** The jobs that took most of the processor, and what all took: where whoever shortens a run begins. */
export function longestLines(outcomes: Outcome[]): string[] {
  const byCpu = [...outcomes].sort((a, b) => b.cpuMs - a.cpuMs);
  const sum = (key: "ms" | "cpuMs"): number => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  return [
    ...byCpu.slice(0, LONGEST).map((outcome) => `longest: ${outcome.job.path}: ${took(outcome)}`),
    `all jobs: ${took({ ms: sum("ms"), cpuMs: sum("cpuMs") })}`,
  ];
}

function took({ ms, cpuMs }: Pick<Outcome, "ms" | "cpuMs">): string {
  return `${(ms / 1000).toFixed(1)} s (${(cpuMs / 1000).toFixed(1)} s of CPU)`;
}

/**
 * What failed, once more at the end of a long log, whose middle may be cut where it is shown: the file, the
 * title, and what was expected and found there. Of a job that broke, its last lines.
 */
export function failureLines(outcomes: Outcome[]): string[] {
  return outcomes.flatMap(({ job, failed, output, broke }) => {
    if (failed === 0) return [];
    const lines = output.split("\n");
    const titles = lines.flatMap((line, at) => (/^ *FAIL +"/.test(line) ? [at] : []));
    const told = titles.map((at) =>
      [lines[at]!.trim(), ...meant(lines.slice(at + 1, at + 1 + TOLD_LINES))].join("\n    "),
    );
    if (broke || told.length === 0) told.push(["it did not end as it should:", ...lastLines(lines)].join("\n    "));
    return told.map((one) => `failed: ${job.path}: ${one}`);
  });
}

const TOLD_LINES = 12;
const LAST_LINES = 20;

function lastLines(lines: string[]): string[] {
  return lines.filter((line) => line.trim() !== "").slice(-LAST_LINES);
}

/** Without the empty ones, up to where it stands in the code. */
function meant(lines: string[]): string[] {
  const end = lines.findIndex((line) => /^ +at /.test(line));
  return lines.slice(0, end < 0 ? lines.length : end).flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
}

export function lastLine(outcomes: Outcome[]): string {
  const sum = (key: "passed" | "failed" | "skipped"): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
