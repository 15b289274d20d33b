// SPDX-License-Identifier: Apache-2.0
// The instruments that a module declares in its section `vedette.policy`, and where their numbers stand in
// the module's memory (docs/abi/v1.md, "Metrics"; rules-wasm/metric/ writes there). All of it is known from
// the module's bytes, so a region that does not fit is refused before anything runs.
import * as z from "zod";

/** Of one module. */
export const INSTRUMENTS_MAX = 64;
/** Of all instruments of one module: what the host looks through each time. */
export const SLOTS_MAX = 8192;
/** Bytes of a region. */
export const METRICS_MAX = 1 << 20;
/** Bytes of the region before its first slot. */
export const METRICS_HEAD = 16;
/** Bytes of a slot before its labels. */
const SLOT_HEAD = 8;
const SPAN = 8;

/** Exponential buckets: bucket i holds what is more than 2^(i/8) and at most 2^((i+1)/8). */
export const EXPONENTIAL = { scale: 3, first: -160, buckets: 208 } as const;

const Name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/, "words of small letters, digits and _ with dots between");
/** Names of labels that the host gives, and that Prometheus does. */
const TAKEN = new Set(["le", "quantile", "job", "instance", "otel_scope_name", "otel_scope_version", "vedette_tenant"]);

const LabelName = Name.max(64).refine((name) => !TAKEN.has(plain(name)) && !plain(name).startsWith("otel_"), {
  error: "this label is the host's to give",
});
const Labels = z
  .array(LabelName)
  .max(8)
  .refine((labels) => new Set(labels.map(plain)).size === labels.length, { error: "two labels are the same" });
const Bounds = z
  .array(z.number().refine(Number.isFinite, { error: "a bound is a number" }))
  .min(1)
  .max(64)
  .refine((bounds) => bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] as number)), {
    error: "bounds grow",
  });
const common = {
  name: Name.max(100).refine((name) => !plain(name).startsWith("policy_"), {
    error: "this name is the host's to give",
  }),
  unit: z.string().regex(/^[!-~]{0,32}$/, "a unit of UCUM, as in s, By or {request}"),
  doc: z.string().max(500),
  labels: Labels,
  /** How many sets of labels the region holds at once, and one for the others. */
  slots: z.number().int().min(2).max(2000),
};

/** The schema of one instrument. */
const Instrument = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("counter"), ...common }),
  z.strictObject({ kind: z.literal("gauge"), ...common }),
  z.strictObject({ kind: z.literal("histogram"), ...common, bounds: Bounds }),
  z.strictObject({ kind: z.literal("exponential"), ...common }),
]);
/** One instrument, as the section has it. `bounds` are upper bounds, each of its own bucket. */
export type Instrument = z.infer<typeof Instrument>;

/** The schema of all instruments of a module. */
export const Instruments = z
  .array(Instrument)
  .max(INSTRUMENTS_MAX)
  .refine((all) => all.reduce((sum, { slots }) => sum + slots, 0) <= SLOTS_MAX, {
    error: `the instruments have more than ${SLOTS_MAX} slots together`,
  })
  .refine((all) => new Set(all.map(({ name }) => plain(name))).size === all.length, {
    error: "two instruments have the same name",
  });

/** A name as Prometheus has it: letters, digits and _. */
export const plain = (name: string): string => name.replaceAll(".", "_");

/** How many buckets it counts in: with the one above the last bound; 0 for one without. */
export function bucketsOf(instrument: Instrument): number {
  if (instrument.kind === "histogram") return instrument.bounds.length + 1;
  return instrument.kind === "exponential" ? 1 + EXPONENTIAL.buckets : 0;
}

/** Where the slots of one instrument stand. Offsets are from the region's start, sizes in bytes. */
export interface SlotLayout {
  readonly instrument: Instrument;
  readonly at: number;
  readonly size: number;
  /** From a slot's start: the f64 that each kind has, and behind it the u32 of each bucket. */
  readonly value: number;
  readonly buckets: number;
}

/** The slots of all instruments in the order of the section, and where the text of labels begins. */
export function layoutOf(instruments: readonly Instrument[]): {
  readonly slots: SlotLayout[];
  readonly labels: number;
} {
  let at = METRICS_HEAD;
  const slots = instruments.map((instrument) => {
    const value = SLOT_HEAD + SPAN * instrument.labels.length;
    const buckets = bucketsOf(instrument);
    const size = (value + 8 + 4 * buckets + 7) & ~7;
    const layout = { instrument, at, size, value, buckets };
    at += size * instrument.slots;
    return layout;
  });
  return { slots, labels: at };
}
