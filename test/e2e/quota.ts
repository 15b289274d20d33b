// SPDX-License-Identifier: Apache-2.0
// Programs that get a part of a processor, as in a small Fargate task: a control group of version 1 with a
// quota (sched-bwc in the kernel's documentation).
import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CONTROLLER = "/sys/fs/cgroup/cpu";
const PERIOD_US = 100_000;

/** What this machine lacks for a quota; null when it can give one. */
export function missingForQuota(): string | null {
  if (process.getuid?.() !== 0) return "root";
  try {
    readdirSync(CONTROLLER);
    return null;
  } catch {
    return `the cpu controller of cgroup v1 at ${CONTROLLER}`;
  }
}

/**
 * Runs `use` with a function that makes of a command line one that has `share` of one processor, for all its
 * processes together.
 */
export async function withQuota<T>(
  share: number,
  use: (narrow: (argv: string[]) => string[]) => Promise<T>,
): Promise<T> {
  const group = join(CONTROLLER, `vedette-quota-${process.pid}`);
  mkdirSync(group);
  try {
    writeFileSync(join(group, "cpu.cfs_period_us"), String(PERIOD_US));
    writeFileSync(join(group, "cpu.cfs_quota_us"), String(Math.round(share * PERIOD_US)));
    const script = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
    return await use((argv) => ["sh", "-c", script, "sh", ...argv]);
  } finally {
    rmdirSync(group);
  }
}
