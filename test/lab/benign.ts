// SPDX-License-Identifier: Apache-2.0
// Benign programs, and hours of them: the everyday programs of the transparency test are recorded once each,
// as in a container, and their recordings judged again and again, every time with later times, until the
// events tell of so long a day.
//
//   2 hours in N passes: pass p is the whole recording with 2 h / N * p added to every time in it
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PROCESS_FIELDS, PROCESS_SIZE } from "../../build/generated/events.js";
import { Engine } from "../../host/engine/engine.js";
import { Feed } from "../../host/engine/feed.js";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { explain } from "../../host/errors.js";
import { alertJson } from "../../host/output/alert.js";
import { readRecording } from "../../host/recording/recording.js";
import type { Batch } from "../../host/wire/batch.js";
import { PROCESS_AT } from "../../host/wire/layout.js";
import { EVERYDAY, type Everyday } from "../e2e/everyday.js";
import { hasCommand, run, VEDETTE } from "../e2e/programs.js";

export const HOURS = 2;
const HOUR_NS = 3_600_000_000_000n;
const LIMIT_MS = 120_000;
const RECORD_TIME = 8;

/**
 * A compiler's output that is executed is "not in the image" by definition: what is told of that is right.
 */
const DRIFTS = ["gcc"];

export interface Recorded {
  readonly name: string;
  readonly batches: readonly Batch[];
  /** What was alerted while it ran. */
  readonly alerts: string;
}

/** Those that can run here, each in a folder of its own. */
export async function recordBenign(folder: string): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  for (const program of EVERYDAY.filter(({ needs }) => needs.every(hasCommand)))
    recorded.push(await recordOne(program, join(folder, program.name)));
  return recorded;
}

async function recordOne(program: Everyday, folder: string): Promise<Recorded> {
  mkdirSync(folder);
  for (const [name, text] of Object.entries(program.files ?? {})) writeFileSync(join(folder, name), text);
  if (program.prepare !== undefined) await run(["bash", "-ec", program.prepare], { cwd: folder, limitMs: LIMIT_MS });
  const [recording, alerts] = [`${folder}.recording`, `${folder}.alerts`];
  const words = ["run", "--record", recording, "--alerts", alerts, "--", "bash", "-c", program.script];
  const id = DRIFTS.includes(program.name) ? null : "be".repeat(32);
  await run([...asInContainer(id), ...VEDETTE, ...words], { cwd: folder, limitMs: program.limitMs ?? LIMIT_MS });
  leaveContainer(id);
  const batches = [...readRecording(recording)].flatMap((entry) => (entry.kind === "batch" ? [entry.batch] : []));
  const told = readFileSync(alerts, "utf8");
  for (const path of [folder, recording, alerts]) rmSync(path, { recursive: true, force: true });
  return { name: program.name, batches, alerts: told };
}

const groupOf = (id: string) => `/sys/fs/cgroup/pids/docker/${id}`;

/** What makes a process one of the container `id`: the name of its cgroup, from which the agent has it. */
function asInContainer(id: string | null): string[] {
  if (id === null) return [];
  mkdirSync(groupOf(id), { recursive: true });
  return ["sh", "-c", `echo $$ > ${groupOf(id)}/cgroup.procs && exec "$@"`, "sh"];
}

function leaveContainer(id: string | null): void {
  if (id === null) return;
  try {
    rmdirSync(groupOf(id));
  } catch {} // a process that the script left behind is still in it
}

export interface Judged {
  readonly events: number;
  readonly alerts: string[];
  readonly faults: string[];
}

/** Judges the recordings `passes` times over `HOURS` of event time. The batches' times are changed. */
export async function judgeHours(
  recorded: readonly Recorded[],
  policies: readonly LoadedPolicy[],
  passes: number,
): Promise<Judged> {
  const feed = new Feed(64 << 20);
  const alerts: string[] = [];
  const faults: string[] = [];
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [feed.reader()],
    policies,
    hostname: () => "benign",
    onAlert: (alert) => alerts.push(alertJson(alert)),
    onFault: (error) => faults.push(explain(error)),
    onLog: () => {},
  });
  const step = (HOUR_NS * BigInt(HOURS)) / BigInt(passes);
  let events = 0;
  for (let pass = 0; pass < passes; pass++)
    for (const { batches } of recorded)
      for (const batch of batches) {
        if (pass > 0) moveOn(batch, step);
        await feed.put(batch);
        events += batch.count;
      }
  feed.close();
  await engine.finished;
  return { events, alerts, faults };
}

const PROCESS_TIMES = PROCESS_FIELDS.filter(({ type }) => type === "time").map(({ name }) => PROCESS_AT[name]!);

/** Adds to every time of the batch: its records', and those of its processes and their files. */
function moveOn(batch: Batch, ns: bigint): void {
  for (const at of batch.offsets) add(batch.recordView, at + RECORD_TIME, ns);
  for (let at = 0; at < batch.processes.length; at += PROCESS_SIZE)
    for (const offset of PROCESS_TIMES) add(batch.processView, at + offset, ns);
}

/** Unless there is none there: the most negative number. */
function add(view: DataView, at: number, ns: bigint): void {
  const time = view.getBigInt64(at, true);
  if (time > 0n) view.setBigInt64(at, time + ns, true);
}
