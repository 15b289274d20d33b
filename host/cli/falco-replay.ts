// SPDX-License-Identifier: Apache-2.0
// `vedette replay FILE.scap`: a capture's events as if they happened now. With rules or policies they are judged; without, they are
// printed like those of `vedette trace`. What the capture had that cannot be told is said at the end.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { PolicyRunner } from "../engine/runner.js";
import { VedetteError } from "../errors.js";
import { type FalcoFlags, Filter } from "../falco/falco.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { Sink } from "../output/sink.js";
import { reasonOf } from "../reason.js";
import { isRecording } from "../recording/recording.js";
import { type ReplaySummary, replay } from "../recording/scap/replay.js";
import { type Batch, openBatch } from "../wire/batch.js";
import { say } from "./failure.js";
import { judging } from "./falco-judging.js";
import { counted } from "./print.js";

export interface ReplayFlags extends FalcoFlags {
  readonly policy: readonly string[];
  readonly alerts: string;
  readonly alertsDetail?: boolean;
  readonly filter?: string;
  readonly json?: boolean;
}

export async function replayFile(path: string, flags: ReplayFlags): Promise<number> {
  if (isRecording(path)) return (await import("./recording-replay.js")).replayRecording(path, flags);
  const { batches, summary } = replay(readCapture(path), path);
  if (flags.falcoRules.length > 0 || flags.policy.length > 0) await judge(batches, flags);
  else await print(batches, flags);
  sayWhatIsMissing(path, summary());
  return 0;
}

async function judge(batches: Iterable<Uint8Array>, flags: ReplayFlags): Promise<void> {
  const { policies, outputs, host } = await judging(flags, true);
  const runners = policies.map((policy) => new PolicyRunner(policy));
  let clock = 0n;
  for (const bytes of batches) {
    const batch = openBatch(bytes);
    clock = batch.clock;
    await outputs.room();
    for (const runner of runners) {
      const { alerts, dropped, faults } = runner.judge(batch);
      for (const alert of alerts) outputs.write({ ...alert, hostname: host ?? hostname() });
      if (dropped > 0) say(`vedette: ${counted(dropped, "alert")} of one batch were too many`);
      for (const { reason, event } of faults) say(`vedette: a policy failed at event ${event}: ${reason}`);
    }
  }
  // What was suppressed and not told yet.
  for (const runner of runners)
    for (const alert of runner.finish(clock)) outputs.write({ ...alert, hostname: host ?? hostname() });
  await outputs.close();
}

async function print(batches: Iterable<Uint8Array>, flags: ReplayFlags): Promise<void> {
  const sink = new Sink(1);
  const form = flags.json === true ? new EventJson() : new EventText();
  const filter = flags.filter === undefined ? null : await Filter.of(flags.filter);
  const shown = (batch: Batch) => filter?.matching(batch) ?? batch.offsets;
  for (const bytes of batches) {
    const batch = openBatch(bytes);
    for (const at of shown(batch)) sink.line(form.line(batch, at));
    if (sink.isBroken) break;
  }
  sink.close();
}

function readCapture(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason: reasonOf(cause) }, { cause });
  }
}

function sayWhatIsMissing(path: string, { skipped, unknownBlocks, isTruncated }: ReplaySummary): void {
  if (isTruncated) say(`vedette: ${path} ends in the middle of a block: what comes after it is lost`);
  if (unknownBlocks > 0) say(`vedette: ${counted(unknownBlocks, "block")} of unknown kind skipped`);
  if (skipped > 0)
    say(`vedette: ${counted(skipped, "event")} skipped that have no type here, or that their return tells again`);
}
