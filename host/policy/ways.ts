// SPDX-License-Identifier: Apache-2.0
// Why a rule of an author's code did not fire for an event, or did: which of its terms, answered the other
// way, change the verdict. Nothing is interpreted: the policy itself judges the event, compiled so that it
// says its way (rules-wasm/transform/trace.js), and it judges the event again with a term answered
// otherwise, from the same state. One term is looked for first, then two that are needed together, and so
// on.
import type { TracedTerm } from "../../rules-wasm/transform/types.js";
import { compileExceptions } from "../engine/exceptions.js";
import type { ExaminedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { examine } from "../wasm/admission.js";
import { type Look, type Saved, type Step, TRACED_LIMITS, TracedInstance, type Way } from "../wasm/traced.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { EVENT_OF_NAME } from "../wire/layout.js";
import { valueText } from "../wire/value.js";
import type { Subject } from "./nearest.js";

/** What is known here of a policy that was loaded. */
export type JudgedPolicy = Pick<ExaminedPolicy, "name" | "place" | "parameters" | "rules">;
/** A module that says its way to an answer, and what stands in its sources (trace.ts). */
export interface TracedPolicy {
  readonly policy: JudgedPolicy;
  readonly wasm: Uint8Array;
  readonly terms: readonly (TracedTerm & { readonly line: number })[];
}

/** A term of the author's code, its answer, and what it looked at; null: it is not there. */
export interface WayTerm {
  readonly text: string;
  readonly is: boolean;
  readonly values: Readonly<Record<string, string | null>>;
  /** File and line. */
  readonly at: string;
}
/** What a rule said of one event. */
export interface WayVerdict {
  readonly isMatch: boolean;
  /** Answered the other way, all together, they change it. Empty: nothing does. */
  readonly decisive: readonly WayTerm[];
  /** No term decides it, only where the function ended. */
  readonly isEnd: boolean;
}

/**
 * Ways of a rule that are told apart; of what one event is judged anew; of terms that are needed together.
 */
const KINDS_MAX = 100;
const RUNS_MAX = 400;
const TOGETHER_MAX = 4;

type Forced = ReadonlyMap<number, boolean>;
/** What a term says where it stands in a way. */
interface Found {
  readonly id: number;
  readonly is: boolean;
  readonly way: readonly Step[];
}

/** The rules of one policy, each with its way to what it says of an event. Use it from one thread. */
export class PolicyWays<P extends JudgedPolicy = JudgedPolicy> {
  /** Whose rules are switched on. */
  readonly policy: P;
  readonly #instance: TracedInstance;
  readonly #terms: ReadonlyMap<number, TracedPolicy["terms"][number]>;
  readonly #begun: Saved;
  readonly #types: ReadonlySet<number>;
  /** By rule and way. */
  readonly #kinds = new Map<string, WayVerdict>();
  readonly #perRule = new Map<number, number>();
  #batch: Batch | null = null;
  #verdicts = new Map<number, Map<number, WayVerdict | null>>();

  /** Throws VEDETTE_MODULE_* and VEDETTE_POLICY_INIT. */
  static async start<P extends JudgedPolicy>(policy: P, { wasm, terms }: TracedPolicy): Promise<PolicyWays<P>> {
    const examined = examine(wasm, policy.place, TRACED_LIMITS);
    try {
      return new PolicyWays(policy, terms, await TracedInstance.start(examined, policy.parameters));
    } catch (error) {
      if (error instanceof VedetteError) throw error;
      throw new VedetteError("VEDETTE_POLICY_INIT", { policy: policy.name, reason: reasonOf(error) }, { cause: error });
    }
  }

  private constructor(policy: P, terms: TracedPolicy["terms"], instance: TracedInstance) {
    this.policy = policy;
    this.#terms = new Map(terms.map((term) => [term.id, term]));
    this.#instance = instance;
    this.#begun = instance.save();
    const names = policy.rules.flatMap(({ events }) => events);
    this.#types = new Set(names.map((name) => EVENT_OF_NAME.get(name)?.id ?? -1));
  }

  /**
   * Judges a batch: each once, and in their order, because of what rules remember. Verdicts are of those that
   * are `chosen` (all, where that is left out): what is told of a way has the values of the first event that
   * took it.
   */
  look(batch: Batch, chosen?: ReadonlySet<number>): void {
    if (this.#batch === batch) return;
    this.#batch = batch;
    this.#verdicts = new Map();
    for (const [index, offset] of batch.offsets.entries()) {
      if (!this.#types.has(batch.recordView.getUint16(offset, true))) continue;
      if (chosen?.has(offset) ?? true) this.#verdicts.set(offset, this.#judge(batch, index, offset));
      else this.#pass(batch, index, offset);
    }
  }

  /** Begins anew: what rules remember is gone, and what is known of their ways. */
  forget(): void {
    this.#instance.restore(this.#begun);
    this.#kinds.clear();
    this.#perRule.clear();
  }

  /** What a rule said of a record of that batch; null: it was not asked, or its way is one too many. */
  verdict(rule: number, record: number): WayVerdict | null {
    return this.#verdicts.get(record)?.get(rule) ?? null;
  }

  /** One rule, as nearest.ts asks about it. */
  subject(index: number): Subject {
    const { name, events } = this.policy.rules[index]!;
    return {
      rule: name,
      types: new Set(events),
      look: (batch, chosen) => this.look(batch, chosen),
      verdict: (_, at) => {
        const verdict = this.verdict(index, at);
        if (verdict === null) return null;
        const { isMatch, decisive, isEnd } = verdict;
        const kind = JSON.stringify(decisive.map(({ text, is, at: place }) => [text, is, place]));
        const told = () => decisive.map(({ text, ...rest }) => ({ term: text, ...rest }));
        const distance = isEnd ? Number.MAX_VALUE : decisive.length;
        return { isMatch, distance, decisive: () => ({ kind, told }) };
      },
    };
  }

  #pass(batch: Batch, index: number, offset: number): void {
    const before = this.#instance.save();
    if (this.#instance.look(batch, { index, offset }).trap !== null) this.#instance.restore(before);
  }

  #judge(batch: Batch, index: number, offset: number): Map<number, WayVerdict | null> {
    const before = this.#instance.save();
    const look = this.#instance.look(batch, { index, offset });
    let after: Saved | null = null; // most ways are known, and nothing is judged again
    const again = (forced: Forced): Look => {
      after ??= this.#instance.save();
      this.#instance.restore(before);
      return this.#instance.look(batch, { index, offset }, forced);
    };
    const verdicts = new Map<number, WayVerdict | null>();
    for (const [rule, way] of look.ways) verdicts.set(rule, this.#verdict(rule, way, batch, offset, again));
    if (look.trap !== null) {
      const [culprit = -1] = this.#asked(batch, offset).filter((rule) => !look.ways.has(rule));
      verdicts.set(culprit, { isMatch: false, decisive: [this.#trapped(look.trap)], isEnd: false });
    }
    if (look.trap !== null) this.#instance.restore(before);
    else if (after !== null) this.#instance.restore(after);
    return verdicts;
  }

  /** Numbers of the rules that see a record, in the order in which they do. */
  #asked(batch: Batch, offset: number): number[] {
    const type = batch.recordView.getUint16(offset, true);
    return this.policy.rules.flatMap(({ events }, i) =>
      events.some((name) => EVENT_OF_NAME.get(name)?.id === type) ? [i] : [],
    );
  }

  #verdict(rule: number, way: Way, batch: Batch, offset: number, again: (forced: Forced) => Look): WayVerdict | null {
    const excused = way.is ? this.#excused(rule, batch, offset) : null;
    if (excused !== null) return { isMatch: false, decisive: [excused], isEnd: false };
    const kind = `${rule} ${way.steps.filter(({ is }) => typeof is === "boolean").map(({ id, is }) => `${id}${is}`)}`;
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const count = this.#perRule.get(rule) ?? 0;
    if (count >= KINDS_MAX) return null;
    this.#perRule.set(rule, count + 1);
    const decisive = this.#decisive(rule, way, again);
    const isEnd = decisive.length === 0;
    const verdict = { isMatch: way.is, decisive: isEnd ? this.#end(rule, way, again) : decisive, isEnd };
    this.#kinds.set(kind, verdict);
    return verdict;
  }

  /** The smallest sets first; of these, what was asked last and is no call of the author's own. */
  #decisive(rule: number, way: Way, again: (forced: Forced) => Look): WayTerm[] {
    let runs = 0;
    let frontier: { readonly found: readonly Found[]; readonly way: Way }[] = [{ found: [], way }];
    const tried = new Set<string>();
    for (let together = 1; together <= TOGETHER_MAX; together++) {
      const next: typeof frontier = [];
      for (const { found, way: so } of frontier) {
        for (const one of this.#candidates(so, found)) {
          const all = [...found, one];
          const key = all
            .map(({ id }) => id)
            .sort((a, b) => a - b)
            .join();
          if (tried.has(key)) continue;
          tried.add(key);
          if (++runs > RUNS_MAX) return [];
          const other = again(new Map(all.map(({ id, is }) => [id, !is]))).ways.get(rule);
          if (other === undefined) continue;
          if (other.is !== way.is) return all.map((term) => this.#told(term));
          next.push({ found: all, way: other });
        }
      }
      frontier = next;
    }
    return [];
  }

  /** Where no term decides: the last `return true` or `return false` that does. */
  #end(rule: number, way: Way, again: (forced: Forced) => Look): WayTerm[] {
    const ends = way.steps.filter(({ id }) => this.#term(id)?.isEnd).reverse();
    const one = ends.find(({ id, is }) => again(new Map([[id, is !== true]])).ways.get(rule)?.is === !way.is);
    return one === undefined ? [] : [this.#told({ id: one.id, is: one.is === true, way: way.steps })];
  }

  #candidates({ steps }: Way, found: readonly Found[]): Found[] {
    const last = new Map<number, boolean>();
    for (const { id, is } of steps) {
      if (typeof is !== "boolean" || this.#term(id)?.isEnd) continue;
      last.delete(id);
      last.set(id, is);
    }
    const terms = [...last].reverse().filter(([id]) => !found.some((one) => one.id === id));
    const own = (id: number): number => (this.#term(id)?.isOwn === true ? 1 : 0);
    return terms.sort(([a], [b]) => own(a) - own(b)).map(([id, is]) => ({ id, is, way: steps }));
  }

  #term(id: number) {
    return this.#terms.get(id);
  }

  #told({ id, is, way }: Found): WayTerm {
    const term = this.#term(id)!;
    const end = way.findLastIndex((step) => step.id === id);
    const values: Record<string, string | null> = {};
    for (const seen of term.sees) {
      const step = way.slice(0, end).findLast((one) => one.id === seen.id);
      if (step !== undefined && seen.text !== term.text) values[seen.text] = asText(step.is);
    }
    return { text: term.text, is, values, at: `${term.file}:${term.line}` };
  }

  #trapped({ reason, steps }: { readonly reason: string; readonly steps: readonly Step[] }): WayTerm {
    const last = steps.findLast(({ is }) => typeof is === "boolean");
    const term = last === undefined ? undefined : this.#term(last.id);
    const at = term === undefined ? "index.ts" : `${term.file}:${term.line}`;
    return { text: `trapped after this line: ${reason}`, is: true, values: {}, at };
  }

  #excused(rule: number, batch: Batch, offset: number): WayTerm | null {
    const { exceptions = [] } = this.policy.rules[rule] ?? {};
    const one = exceptions.find((exception) => compileExceptions([exception])(batch, offset));
    if (one === undefined) return null;
    const values = one.fields.map((field) => {
      const value = fieldValue(field)?.(batch, offset) ?? null;
      return [field, value === null ? null : valueText(value)] as const;
    });
    return { text: `exception "${one.name}"`, is: true, values: Object.fromEntries(values), at: "policy.yaml" };
  }
}

function asText(is: Step["is"]): string | null {
  if (is === null) return null;
  return typeof is === "string" ? JSON.stringify(is) : String(is);
}
