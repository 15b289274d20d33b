// SPDX-License-Identifier: Apache-2.0
// `vedette policy explain EVENT|RECORDING`: which terms of a Falco rule's condition kept it from firing, and
// the values that they looked at. Of a recording it takes the events that came nearest: those for which the
// fewest terms would have to be answered otherwise. Events with the same terms are told as one, and the
// rarest stand first: thousands of opens lack the right path, and the one that lacks something else is looked
// for.
import { existsSync } from "node:fs";
import { parse } from "yaml";
import { VedetteError } from "../errors.js";
import { enabledRules, type FalcoFlags, Filter, optionsIn, RuleTerms, type Verdict } from "../falco/falco.js";
import { openRecorded, type RecordedFile } from "../intake/intake.js";
import { counted } from "../output/counted.js";
import { EventText } from "../output/event-text.js";
import { Progress } from "../output/progress.js";
import { ShortEventError, ShortEvents } from "../policy/short-event.js";
import { reasonOf } from "../reason.js";
import { type Batch, openBatch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { eventOf } from "../wire/record.js";
import { print, printJson } from "./print.js";

/** Kinds of nearest events of a rule that are shown, and that are told apart at all. */
const SHOWN_MAX = 3;
const KINDS_MAX = 100;

/** What the command line says of rules, and which of them are asked about. */
export interface ExplainFlags extends FalcoFlags {
  /** Whole names; none: all rules. */
  readonly rule: readonly string[];
  readonly filter?: string;
  readonly json?: boolean;
}

interface Explained {
  readonly rule: string;
  readonly fired: number;
  /** Events of the rule's types. */
  readonly events: number;
  /** What it fired for, or what came nearest, the rarest first. */
  readonly nearest: readonly Nearest[];
}

/** Events with the same terms. */
interface Nearest {
  count: number;
  /** The first of them, and its number. */
  readonly line: string;
  readonly number: string;
  readonly terms: readonly { term: string; is: boolean; values: Record<string, string | null> }[];
}

/** Gives status 0. Throws VEDETTE_USAGE where an event or a rule's name is wrong. */
export async function explainEvents(what: string, flags: ExplainFlags): Promise<number> {
  const options = optionsIn(flags);
  if (flags.falcoRules.length === 0)
    throw usage("Give the rules with --falco-rules; those of a policy in TypeScript cannot be explained.");
  const rules = enabledRules(flags, options);
  const asked = flags.rule.length === 0 ? rules : flags.rule.map((name) => named(rules, name));
  const written = isWritten(what);
  const batches = written === null ? null : [eventsIn(written)];
  const types = (batches ?? []).flatMap((batch) => [...batch.offsets].map((at) => eventOf(batch, at).name));
  const filter = flags.filter === undefined ? null : await Filter.of(flags.filter);
  const { statics } = options;
  const searches = [];
  const progress = new Progress("explaining", "events");
  try {
    for (const rule of asked) {
      const terms = await RuleTerms.of(rule, { statics, types, isFalcoExact: flags.falcoExact ?? false });
      searches.push(new Search(rule.name, new Set([...rule.events, ...types]), terms, statics));
    }
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
  else print(explained.flatMap(linesOf));
  return 0;
}

const usage = (problem: string): VedetteError =>
  new VedetteError("VEDETTE_USAGE", { problem, command: "policy explain" });

function named<Rule extends { readonly name: string }>(rules: readonly Rule[], name: string): Rule {
  const found = rules.find((rule) => rule.name === name);
  if (found === undefined) throw usage(`There is no rule "${name}" among those that are loaded and switched on.`);
  return found;
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

/** Looks for the event of one rule that is to be told. */
class Search {
  readonly #rule: string;
  readonly #types: ReadonlySet<string>;
  readonly #terms: RuleTerms;
  readonly #statics: ReadonlyMap<string, string>;
  readonly #text = new EventText();
  #fired = 0;
  #events = 0;
  #distance = Number.POSITIVE_INFINITY;
  readonly #nearest = new Map<string, Nearest>();

  constructor(rule: string, types: ReadonlySet<string>, terms: RuleTerms, statics: ReadonlyMap<string, string>) {
    this.#rule = rule;
    this.#types = types;
    this.#terms = terms;
    this.#statics = statics;
  }

  look(batch: Batch, chosen: ReadonlySet<number>): void {
    this.#terms.look(batch);
    for (const at of batch.offsets) {
      if (!chosen.has(at) || !this.#types.has(eventOf(batch, at).name)) continue;
      this.#events++;
      const isMatch = this.#terms.isMatch(at);
      if (isMatch) this.#fired++;
      const distance = isMatch ? 0 : this.#terms.distance(at);
      if (distance > this.#distance) continue;
      if (distance < this.#distance) this.#nearest.clear();
      this.#distance = distance;
      this.#add(batch, at, this.#terms.verdict(at));
    }
  }

  result(): Explained {
    const nearest = [...this.#nearest.values()].sort((a, b) => a.count - b.count);
    return { rule: this.#rule, fired: this.#fired, events: this.#events, nearest };
  }

  #add(batch: Batch, at: number, verdict: Verdict): void {
    const kind = JSON.stringify(verdict.decisive);
    const known = this.#nearest.get(kind);
    if (known !== undefined) known.count++;
    else if (this.#nearest.size < KINDS_MAX) this.#nearest.set(kind, this.#told(batch, at, verdict));
  }

  #told(batch: Batch, at: number, { decisive }: Verdict): Nearest {
    const value = (field: string): string | null => {
      const found = this.#statics.get(field) ?? fieldValue(field)?.(batch, at) ?? null;
      if (found === null) return null;
      return typeof found === "string" ? JSON.stringify(found) : Array.isArray(found) ? found.join(" ") : String(found);
    };
    const terms = decisive.map(({ term, isTrue: is }) => {
      return { term: term.text, is, values: Object.fromEntries(term.fields.map((field) => [field, value(field)])) };
    });
    return { count: 1, line: this.#text.line(batch, at), number: value("evt.num") ?? "", terms };
  }
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
        ...terms.map(({ term, is, values }) => `    ${is ? "true " : "false"}  ${term}${valuesText(values)}`),
        `    ${last}`,
      ]),
    "",
  ];
}

function valuesText(values: Readonly<Record<string, string | null>>): string {
  const each = Object.entries(values).map(
    ([field, value]) => `${field} ${value === null ? "is not there" : `is ${value}`}`,
  );
  return `    (${each.join(", ")})`;
}
