// SPDX-License-Identifier: Apache-2.0
// `vedette replay FILE`: the events of a recording, or of a capture of Falco or sysdig, as if they happened
// now. Judging has no other input than the batches, so a recording raises the same alerts each time, byte for
// byte. With --print, --json or --filter the events are printed instead, like those of `vedette trace`.
import { VedetteError } from "../errors.js";
import { leaveHeapAlone } from "../heap.js";
import { STEP_EVENTS } from "../incident/incident.js";
import { openRecorded, type RecordedFile, Replayed } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { EventJson } from "../output/event-json.js";
import { EventText } from "../output/event-text.js";
import { Progress } from "../output/progress.js";
import { openSink } from "../output/sink.js";
import { type Judging, Sensor } from "../sensor/sensor.js";
import { isChatty, noteLoss, report, reportLoss, say, speaking, warn } from "./failure.js";
import { type JudgingFlags, judging } from "./falco-judging.js";
import { eventsText, policiesText } from "./judged.js";

/** The command's flags, as they were typed. */
export interface ReplayFlags extends JudgingFlags {
  readonly filter?: string;
  readonly json?: boolean;
  readonly print?: boolean;
}

/**
 * Of one batch of a capture in one policy: nothing is guarded meanwhile, and Falco would take its time, too.
 */
const CAPTURE_BUDGET_MS = 10_000;

/** Gives status 0, or the error's where the file is damaged. */
export async function replay(path: string, flags: ReplayFlags): Promise<number> {
  const prints = isPrinted(flags);
  const file = openRecorded(path);
  const progress = new Progress(`replaying ${path}`, "events");
  try {
    if (prints) await printAll(file, flags, progress);
    else await judgeAll(file, flags, progress);
  } finally {
    progress.close();
  }
  for (const sentence of file.missing()) warn(`vedette: ${sentence}`);
  const damage = file.damage(); // what is whole was used
  return damage === null ? 0 : report(damage);
}

/**
 * Whether its events are printed. They are printed or judged: never both, and never one of the two unasked.
 */
export function isPrinted({ falcoRules, policy, filter, json, print }: ReplayFlags): boolean {
  const isPrinted = print === true || json === true || filter !== undefined;
  if (isPrinted && falcoRules.length + policy.length > 0)
    throw new VedetteError("VEDETTE_USAGE", {
      problem: "Give either rules or policies to judge by, or --print, --json or --filter to print the events.",
      command: "replay",
    });
  return isPrinted;
}

function judgeAll(file: RecordedFile, flags: JudgingFlags, progress: Progress): Promise<void> {
  leaveHeapAlone();
  let policies = "";
  file.lend(); // the ring copies them
  const entries = counting(file.entries, progress);
  const options = {
    judging: async () => {
      const made = await judging(flags, { isPatient: true });
      policies = policiesText(made);
      // Policies may look at what they like in a batch; Falco's rules only read the events that they name.
      if (flags.policy.length === 0 && flags.falcoRules.length > 0) file.tellOnly(eventsOf(made));
      return made;
    },
    intake: (handlers: ConstructorParameters<typeof Replayed>[1]) => new Replayed({ ...file, entries }, handlers),
    ...(file.kind === "capture" ? { budgetMs: CAPTURE_BUDGET_MS } : {}),
    ...speaking,
    onLoss: noteLoss,
  };
  return Sensor.use(options, async (sensor) => {
    await Promise.race([sensor.intake.play(() => sensor.room()), sensor.failed]);
    await sensor.finish();
    const { kept, forgotten } = sensor.incidents();
    const incidents = counted(kept.length + forgotten, "incident");
    if (isChatty()) say(`vedette: ${eventsText(progress.count)} judged by ${policies}: ${incidents}`);
  });
}

/** What rules are asked about, and what incidents show beside their alerts. */
function eventsOf({ policies }: Judging): ReadonlySet<string> {
  return new Set([...policies.flatMap(({ rules }) => rules.flatMap(({ events }) => events)), ...STEP_EVENTS]);
}

async function printAll(file: RecordedFile, flags: ReplayFlags, progress: Progress): Promise<void> {
  const sink = openSink("stdout", "w", "VEDETTE_OUTPUT_UNWRITABLE", reportLoss);
  const form = flags.json === true ? new EventJson() : new EventText();
  const filter = flags.filter === undefined ? null : await (await import("../falco/falco.js")).Filter.of(flags.filter);
  for await (const entry of counting(file.entries, progress)) {
    if (sink.isBroken) break;
    if (entry.kind !== "batch") continue;
    for (const at of filter?.matching(entry.batch) ?? entry.batch.offsets) sink.line(form.line(entry.batch, at));
  }
  sink.close();
}

type RecordedEntry = RecordedFile["entries"] extends AsyncIterable<infer Entry> | Iterable<infer Entry> ? Entry : never;

async function* counting(entries: RecordedFile["entries"], progress: Progress): AsyncGenerator<RecordedEntry> {
  for await (const entry of entries) {
    if (entry.kind === "batch") progress.add(entry.batch.count);
    yield entry;
  }
}
