// SPDX-License-Identifier: Apache-2.0
// What the host and the process that explains a policy say to each other (ways-house.ts, ways-child.ts). Of
// what comes back only this form is taken: a policy may have taken the process over.
import * as z from "zod";
import { readAs, text } from "../engine/cell-wire.js";
import type { TrialBatch } from "../engine/trial.js";
import type { Explained, ToldTerm } from "./nearest.js";
import type { TracedPolicy } from "./ways.js";

/** A batch, and the records of it that are asked about; null: all. */
export interface AskedBatch extends TrialBatch {
  readonly chosen: readonly number[] | null;
}

/** What the host says to the process. */
export type ToWays =
  | { readonly kind: "policy"; readonly traced: TracedPolicy }
  | { readonly kind: "batch"; readonly batch: AskedBatch }
  /** Answer now. */
  | { readonly kind: "end" };

/** What the process says to the host. */
export type FromWays =
  | { readonly kind: "explained"; readonly rules: readonly Explained[] }
  | { readonly kind: "failed"; readonly reason: string };

/** Rules, kinds of nearest events of each, their terms, and values of a term: what is more is left out. */
export const TOLD_MAX = { rules: 200, nearest: 3, terms: 8, values: 16, text: 1_000, line: 4_000 };
/** Of all of it, as JSON: cell-wire.ts takes 1 MiB. Behind that rules have no nearest events. */
const TOLD_BYTES_MAX = 900 << 10;

const count = z.number().int().nonnegative();
const word = text(TOLD_MAX.text);
const Rule = z.strictObject({
  rule: word,
  fired: count,
  events: count,
  nearest: z
    .array(
      z.strictObject({
        count,
        line: text(TOLD_MAX.line),
        number: word,
        terms: z
          .array(z.strictObject({ term: word, is: z.boolean(), values: z.record(word, word.nullable()), at: word }))
          .max(TOLD_MAX.terms),
      }),
    )
    .max(TOLD_MAX.nearest),
});
const Said: z.ZodType<FromWays> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("explained"), rules: z.array(Rule).max(TOLD_MAX.rules) }),
  z.strictObject({ kind: z.literal("failed"), reason: word }),
]);

/** The only form in which the host takes a FromWays; throws at another. */
export const readWays = (bytes: Uint8Array): FromWays => readAs(Said, bytes);

/** As much of it as the host takes. */
export function told(all: readonly Explained[]): Explained[] {
  return withinBytes(all.slice(0, TOLD_MAX.rules).map(toldRule));
}

/** With the nearest events of as many rules, from the first on, as there is room for. */
function withinBytes(all: readonly Explained[]): Explained[] {
  const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  let left = TOLD_BYTES_MAX - all.reduce((sum, { nearest: _, ...head }) => sum + bytesOf(head), 0);
  return all.map((one) => {
    left -= bytesOf(one.nearest);
    return left >= 0 ? one : { ...one, nearest: [] };
  });
}

function toldRule({ nearest, ...rest }: Explained): Explained {
  const shown = nearest.slice(0, TOLD_MAX.nearest).map(({ line, terms, ...one }) => ({
    ...one,
    line: line.slice(0, TOLD_MAX.line),
    terms: terms.slice(0, TOLD_MAX.terms).map(toldTerm),
  }));
  return { ...rest, rule: cut(rest.rule), nearest: shown };
}

function toldTerm({ term, is, values, at = "" }: ToldTerm): ToldTerm {
  const some = Object.entries(values).slice(0, TOLD_MAX.values);
  const cutValues = some.map(([name, value]) => [cut(name), value === null ? null : cut(value)] as const);
  return { term: cut(term), is, values: Object.fromEntries(cutValues), at: cut(at) };
}

/** A text of it. */
export function cut(text: string): string {
  return text.slice(0, TOLD_MAX.text);
}
