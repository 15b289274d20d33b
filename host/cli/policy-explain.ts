// SPDX-License-Identifier: Apache-2.0
// `vedette policy explain EVENT|RECORDING`: which terms of a Falco rule's condition, or of a policy's
// code, kept a rule from firing, and the values that they looked at. Of a recording it takes the events
// that came nearest: those for which the fewest terms would have to be answered otherwise. Events with the
// same terms are told as one, and the rarest stand first: thousands of opens lack the right path, and the
// one that lacks something else is looked for.
import { existsSync } from "node:fs";
import { parse } from "yaml";
import { suggested } from "../config/config.js";
import { Filter, optionsIn } from "../falco/falco.js";
import { openRecorded, type RecordedFile } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { Progress } from "../output/progress.js";
import { type Explained, Search, type ToldTerm } from "../policy/nearest.js";
import { ShortEventError, ShortEvents } from "../policy/short-event.js";
import { reasonOf } from "../reason.js";
import { type Batch, openBatch } from "../wire/batch.js";
import { eventOf } from "../wire/record.js";
import { type ExplainFlags, falcoSubjects, policySubjects, usage } from "./explained.js";
import { print, printJson } from "./print.js";

/** Kinds of nearest events of a rule that are shown. */
const SHOWN_MAX = 3;

/** Gives status 0. Throws VEDETTE_USAGE where an event or a rule's name is wrong. */
export async function explainEvents(what: string, flags: ExplainFlags): Promise<number> {
  const options = optionsIn(flags);
  const written = isWritten(what);
  const batches = written === null ? null : [eventsIn(written)];
  const types = (batches ?? []).flatMap((batch) => [...batch.offsets].map((at) => eventOf(batch, at).name));
  const filter = flags.filter === undefined ? null : await Filter.of(flags.filter);
  const progress = new Progress("explaining", "events");
  const searches: Search[] = [];
  try {
    const names = new Set<string>();
    const ofFalco = await falcoSubjects(flags, options, types, names);
    const subjects = [...ofFalco, ...(await policySubjects(flags, types, names))];
    const unknown = flags.rule.find((name) => !names.has(name));
    if (unknown !== undefined) throw usage(noRule(unknown, names));
    searches.push(...subjects.map((subject) => new Search(subject)));
    for await (const batch of batches ?? batchesOf(openRecorded(what))) {
      progress.add(batch.count);
      const chosen = new Set(filter?.matching(batch) ?? batch.offsets);
      for (const search of searches) search.look(batch, chosen);
    }
  } finally {
    progress.close();
  }
  const explained = searches.map((search) => search.result());
  if (flags.json === true) printJson(explained);
  else print(explained.length > 0 ? explained.flatMap(linesOf) : ["no rule asks for an event of this type"]);
  return 0;
}

function noRule(name: string, names: ReadonlySet<string>): string {
  const sentence = `There is no rule "${name}" among those that are loaded and switched on.`;
  return [sentence, suggested(name, [...names])].filter((one) => one !== "").join(" ");
}

/** An event as tests.yaml has it; null: a file's path. */
function isWritten(what: string): Record<string, unknown> | null {
  if (!what.trimStart().startsWith("{") && existsSync(what)) return null;
  try {
    const read: unknown = parse(what);
    if (typeof read === "object" && read !== null) return read as Record<string, unknown>;
  } catch (error) {
    throw usage(`The event cannot be read: ${reasonOf(error)}.`);
  }
  return null;
}

function eventsIn(written: Record<string, unknown>): Batch {
  const events = new ShortEvents();
  try {
    for (const [type, parts] of Object.entries(written)) events.add(type, (parts ?? {}) as Record<string, unknown>);
  } catch (error) {
    if (!(error instanceof ShortEventError)) throw error;
    throw usage(`The event is wrong at ${error.key}: ${error.message}.`);
  }
  return openBatch(events.bytes());
}

async function* batchesOf({ entries }: RecordedFile): AsyncGenerator<Batch> {
  for await (const entry of entries) if (entry.kind === "batch") yield entry.batch;
}

function linesOf({ rule, fired, events, nearest }: Explained): string[] {
  if (nearest.length === 0) return [`${rule}: did not fire, and no event has a type that it asks for`, ""];
  const isOne = events === 1;
  const head =
    fired > 0
      ? `${rule}: fired for ${isOne ? "" : `${fired} of `}`
      : `${rule}: did not fire for ${isOne ? "" : "any of "}`;
  const last = `Otherwise it would ${fired > 0 ? "not " : ""}have fired.`;
  return [
    `${head}${isOne ? "this event" : counted(events, "event")}`,
    ...nearest
      .slice(0, SHOWN_MAX)
      .flatMap(({ count, line, terms }) => [
        `  ${line}${count > 1 ? ` and ${counted(count - 1, "event")} like it` : ""}`,
        ...terms.map(({ term, is, values, at }) => `    ${is ? "true " : "false"}  ${term}${valuesText(values, at)}`),
        `    ${terms.length > 0 ? last : "No answer of its terms changes that."}`,
      ]),
    "",
  ];
}

function valuesText(values: ToldTerm["values"], at?: string): string {
  const each = Object.entries(values).map(
    ([field, value]) => `${field} ${value === null ? "is not there" : `is ${value}`}`,
  );
  const told = [...each, ...(at === undefined ? [] : [at])];
  return told.length === 0 ? "" : `    (${told.join(", ")})`;
}
