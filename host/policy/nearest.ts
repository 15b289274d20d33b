// SPDX-License-Identifier: Apache-2.0
// Of many events, those that came nearest to making a rule fire: for which the fewest terms would have to be
// answered otherwise. Events with the same terms are told as one, and the rarest stand first: thousands of
// opens lack the right path, and the one that lacks something else is looked for.
import { EventText } from "../output/event-text.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { eventOf } from "../wire/record.js";

/** Kinds of nearest events of a rule that are told apart. */
const KINDS_MAX = 100;

/** A term, its answer, and what it looked at. */
export interface ToldTerm {
  readonly term: string;
  readonly is: boolean;
  readonly values: Readonly<Record<string, string | null>>;
  /** File and line, of code. */
  readonly at?: string;
}

/** What is said of one rule and one event. */
export interface ToldVerdict {
  readonly isMatch: boolean;
  /** How many terms would have to be answered otherwise. */
  readonly distance: number;
  readonly decisive: () => Decisive;
}

/** Terms that, answered the other way, change a verdict. */
export interface Decisive {
  /** Of events with the same terms. */
  readonly kind: string;
  readonly told: () => ToldTerm[];
}

/** One rule, and what it says of events. */
export interface Subject {
  readonly rule: string;
  /** Names of the types that it is asked about. */
  readonly types: ReadonlySet<string>;
  /** Judges a batch; verdicts are then of those of its records that are chosen. */
  look(batch: Batch, chosen: ReadonlySet<number>): void;
  /** Null: nothing is known of that one. */
  verdict(batch: Batch, at: number): ToldVerdict | null;
}

/** What a rule said of all events. */
export interface Explained {
  readonly rule: string;
  readonly fired: number;
  /** Events of the rule's types. */
  readonly events: number;
  /** What it fired for, or what came nearest, the rarest first. */
  readonly nearest: readonly Nearest[];
}

/** Events with the same terms. */
export interface Nearest {
  count: number;
  /** The first of them, and its number. */
  readonly line: string;
  readonly number: string;
  readonly terms: readonly ToldTerm[];
}

/** Looks for the events of one rule that are to be told. */
export class Search {
  readonly #subject: Subject;
  readonly #text = new EventText();
  #fired = 0;
  #events = 0;
  #distance = Number.POSITIVE_INFINITY;
  readonly #nearest = new Map<string, Nearest>();

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** Judges all of a batch; of those that are `chosen` something is told. */
  look(batch: Batch, chosen: ReadonlySet<number>): void {
    this.#subject.look(batch, chosen);
    for (const at of batch.offsets) {
      if (!chosen.has(at) || !this.#subject.types.has(eventOf(batch, at).name)) continue;
      this.#events++;
      const verdict = this.#subject.verdict(batch, at);
      if (verdict === null) continue;
      if (verdict.isMatch) this.#fired++;
      const distance = verdict.isMatch ? 0 : verdict.distance;
      if (distance > this.#distance) continue;
      if (distance < this.#distance) this.#nearest.clear();
      this.#distance = distance;
      this.#add(batch, at, verdict.decisive());
    }
  }

  result(): Explained {
    const nearest = [...this.#nearest.values()].sort((a, b) => a.count - b.count);
    return { rule: this.#subject.rule, fired: this.#fired, events: this.#events, nearest };
  }

  #add(batch: Batch, at: number, { kind, told }: Decisive): void {
    const known = this.#nearest.get(kind);
    if (known !== undefined) known.count++;
    else if (this.#nearest.size < KINDS_MAX) {
      const number = String(fieldValue("evt.num")?.(batch, at) ?? "");
      this.#nearest.set(kind, { count: 1, line: this.#text.line(batch, at), number, terms: told() });
    }
  }
}
