// SPDX-License-Identifier: Apache-2.0
// `vedette replay FILE`: the events of a recording, or of a capture of Falco or sysdig, as if they happened
// now. Judging has no other input than the batches, so a recording raises the same alerts each time, byte for
// byte. A capture is judged only where rules or policies are given; else, as with --json and --filter, its
// events are printed like those of `vedette trace`.
import { Filter } from "../falco/falco.js";
import { openRecorded, type RecordedFile, Replayed } from "../intake/intake.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { Sink } from "../output/sink.js";
import { Sensor } from "../sensor/sensor.js";
import { report, say, speaking } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";

/** The command's flags, as they were typed. */
export interface ReplayFlags extends JudgingFlags {
  readonly filter?: string;
  readonly json?: boolean;
}

/**
 * Of one batch of a capture in one policy: nothing is guarded meanwhile, and Falco would take its time, too.
 */
const CAPTURE_BUDGET_MS = 10_000;

/** Gives status 0, or the error's where the file is damaged. */
export async function replay(path: string, flags: ReplayFlags): Promise<number> {
  const file = openRecorded(path);
  if (isJudged(file, flags)) await judgeAll(file, flags);
  else await printAll(file, flags);
  for (const sentence of file.missing()) say(`vedette: ${sentence}`);
  const damage = file.damage(); // what is whole was used
  return damage === null ? 0 : report(damage);
}

function isJudged({ kind }: RecordedFile, { falcoRules, policy, filter, json }: ReplayFlags): boolean {
  if (kind === "capture") return falcoRules.length > 0 || policy.length > 0;
  return filter === undefined && json !== true;
}

function judgeAll(file: RecordedFile, flags: JudgingFlags): Promise<void> {
  const options = {
    judging: () => judging(flags, true),
    intake: (handlers: ConstructorParameters<typeof Replayed>[1]) => new Replayed(file, handlers),
    ...(file.kind === "capture" ? { budgetMs: CAPTURE_BUDGET_MS } : {}),
    ...speaking,
  };
  return Sensor.use(options, async (sensor) => {
    await Promise.race([sensor.intake.play(() => sensor.room()), sensor.failed]);
    await sensor.finish();
  });
}

async function printAll({ entries }: RecordedFile, flags: ReplayFlags): Promise<void> {
  const sink = new Sink(1);
  const form = flags.json === true ? new EventJson() : new EventText();
  const filter = flags.filter === undefined ? null : await Filter.of(flags.filter);
  for await (const entry of entries) {
    if (sink.isBroken) break;
    if (entry.kind !== "batch") continue;
    for (const at of filter?.matching(entry.batch) ?? entry.batch.offsets) sink.line(form.line(entry.batch, at));
  }
  sink.close();
}
