// SPDX-License-Identifier: Apache-2.0
//
// Runs one job and counts its tests from what it prints. A job that overruns its limit, dies, or ends before
// its tests do is one failed test more: silence never counts as passing. So is a job that the run's time did
// not reach. The whole process group is ended, so that a watched program that hangs does not outlive it.
import { spawn } from "node:child_process";
import { endedCpuMs } from "./clock.js";
import type { Job } from "./jobs.js";

export interface Outcome {
  job: Job;
  passed: number;
  failed: number;
  skipped: number;
  skips: string[];
  output: string;
  ms: number;
  /** Processor time of its processes, as far as they were waited for. */
  cpuMs: number;
  /** It was ended, died, or ended before it counted: its output's end tells more than titles do. */
  broke: boolean;
}

interface Ended {
  output: string;
  cpuMs: number;
  status: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
}

/** `leftMs`: what is left of the whole run's time; the job is ended with it. */
export async function runJob(job: Job, names: string[], leftMs = Number.POSITIVE_INFINITY): Promise<Outcome> {
  if (leftMs <= 0) return notBegun(job);
  const start = performance.now();
  const limitMs = Math.min(job.limitMs, leftMs);
  const ended = await runProcess(job, names, limitMs);
  const counts = COUNTERS[job.kind](plain(ended.output));
  const broke = ended.timedOut || (ended.status !== 0 && counts.failed === 0);
  if (ended.timedOut) ended.output += `\ntimed out after ${seconds(limitMs)} s${limitMs < job.limitMs ? CUT : ""}\n`;
  else if (broke) ended.output += `\nended with ${ended.signal ?? `status ${ended.status}`}\n`;
  return {
    job,
    ...counts,
    failed: counts.failed + (broke ? 1 : 0),
    skips: plain(ended.output)
      .split("\n")
      .filter((line) => line.startsWith("skip: ")),
    output: ended.output,
    ms: performance.now() - start,
    cpuMs: ended.cpuMs,
    broke,
  };
}

const CUT = ", when the time of the whole run was over";

function notBegun(job: Job): Outcome {
  const output = "not begun: the time of the whole run was over\n";
  return { job, passed: 0, failed: 1, skipped: 0, skips: [], output, ms: 0, cpuMs: 0, broke: true };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

type Counts = Pick<Outcome, "passed" | "failed" | "skipped">;

/** What each kind of test program prints at its end. */
export const COUNTERS: Record<Job["kind"], (output: string) => Counts> = {
  uvu: (output) => {
    const total = lastNumber(/^ {2}Total: +(\d+)/gm, output);
    const passed = lastNumber(/^ {2}Passed: +(\d+)/gm, output);
    const skipped = lastNumber(/^ {2}Skipped: +(\d+)/gm, output);
    return { passed, failed: total - passed, skipped };
  },
  doctest: (output) => ({
    passed: lastNumber(/test cases: .*?(\d+) passed/g, output),
    failed: lastNumber(/test cases: .*?(\d+) failed/g, output),
    skipped: 0,
  }),
  check: oneThatSays(/^check: /m),
  coverage: oneThatSays(/^coverage of .*\(met: /m),
};

function oneThatSays(word: RegExp): (output: string) => Counts {
  return (output) => {
    const says = word.test(output);
    return { passed: says ? 1 : 0, failed: says ? 0 : 1, skipped: 0 };
  };
}

function runProcess(job: Job, names: string[], limitMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const [command, ...args] = withNames(job, names);
    const child = spawn(command!, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, VEDETTE_TEST: names.join(","), FORCE_COLOR: "0", NO_COLOR: "1", ...job.env },
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    let timedOut = false;
    let cpuMs = 0;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
      // A descendant in a session of its own may hold the pipes open for ever.
      setTimeout(() => finish(null, "SIGKILL"), 2_000).unref();
    }, limitMs);
    const finish = (status: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(timer);
      resolve({ output: Buffer.concat(chunks).toString("utf8"), cpuMs, status, signal, timedOut });
    };
    child.on("error", (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      finish(null, null);
    });
    child.on("exit", () => {
      cpuMs = cpu.since();
      setTimeout(() => child.stdout.destroy(), 2_000).unref();
    });
    child.on("close", finish);
  });
}

/**
 * What the child that has just ended took. Each child is waited for as it ends, so the time of all that ended
 * grows by its own; of two that end in the same moment, the first is told the time of both.
 */
const cpu = {
  seenMs: endedCpuMs(),
  since(): number {
    const before = this.seenMs;
    this.seenMs = endedCpuMs();
    return this.seenMs - before;
  },
};

function withNames(job: Job, names: string[]): string[] {
  if (job.kind !== "doctest" || names.length === 0) return job.command;
  const byFile = names.map((name) => `*${name}*`).join(",");
  const isTitle = names.some(
    (name) => job.text.includes(`TEST_CASE("`) && titles(job.text).some((title) => title.includes(name)),
  );
  return [...job.command, isTitle ? `--test-case=${byFile}` : `--source-file=${byFile}`];
}

function titles(text: string): string[] {
  return [...text.matchAll(/TEST_CASE\("([^"]*)"/g)].map((match) => match[1]!);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone already.
  }
}

function lastNumber(pattern: RegExp, text: string): number {
  return Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

function plain(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}
