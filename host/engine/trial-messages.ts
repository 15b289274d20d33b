// SPDX-License-Identifier: Apache-2.0
// What the host and the process that tries policies say to each other (trial-house.ts,
// ../policy/trial-child.ts). Of what comes back only this form is taken: a policy may have taken the process
// over.
import * as z from "zod";
import { PRIORITIES } from "../finding/priority.js";
import type { Examined } from "../wasm/admission.js";
import { Instant, SaidMeasured, text, Value } from "./cell-wire.js";
import type { ExaminedPolicy } from "./policy.js";
import type { TrialBatch, TrialMeasure, TrialResult } from "./trial.js";

/** What the host says to the process. */
export type ToTrial =
  /** What the cases from now on are about; it is compiled at once. */
  | { readonly kind: "module"; readonly module: Examined }
  | {
      readonly kind: "case";
      readonly policy: Omit<ExaminedPolicy, "admitted">;
      readonly batches: readonly TrialBatch[];
      readonly measureMs?: number;
      readonly isMetered?: boolean;
      readonly isBrief?: boolean;
      readonly caseMs: number;
    }
  /** The policy's own tests.yaml, and the recordings beside it; `caseMs`: of each test. */
  | {
      readonly kind: "tests";
      readonly policy: Omit<ExaminedPolicy, "admitted">;
      readonly files: readonly (readonly [name: string, bytes: Uint8Array])[];
      readonly caseMs: number;
    };

/** What the process says to the host. */
export type FromTrial =
  /** `fault`: why the compiler refused it. */
  | { readonly kind: "compiled"; readonly fault: string | null }
  | { readonly kind: "result"; readonly result: TrialResult }
  | { readonly kind: "tested"; readonly told: TestsTold }
  /** The tests themselves are wrong, as an error of the catalogue says it. */
  | { readonly kind: "wrong"; readonly code: string; readonly message: string; readonly hint: string };

/** How all tests of a policy went, as much of it as is told. */
export interface TestsTold {
  readonly passed: number;
  readonly failed: number;
  /** The first that failed: what differs, a line each, and what the policy logged. */
  readonly failures: readonly {
    readonly name: string;
    readonly differences: readonly string[];
    readonly logs: readonly string[];
  }[];
  /** What rules have no test, in sentences. */
  readonly missing: readonly string[];
}

const SAID_MAX = 8192;
/** Failed tests, and sentences of what is missing; lines of each. */
const TOLD_MAX = { failures: 50, missing: 50, lines: 10 };
/** Of failed tests, and then of what is missing: the host takes a MiB of all. */
const TOLD_BYTES_MAX = 640 << 10;
const MISSING_BYTES_MAX = 128 << 10;
/** As much of a text as the host takes. */
export const cutSaid = (said: string): string => said.slice(0, SAID_MAX);

/** As much of it as the host takes: the first failed tests, and of them the first lines. */
export function toldTests({ passed, failed, failures, missing }: TestsTold): TestsTold {
  const lines = (all: readonly string[]): string[] => all.slice(0, TOLD_MAX.lines).map(cutSaid);
  const first = failures.slice(0, TOLD_MAX.failures).map(({ name, differences, logs }) => {
    return { name: cutSaid(name), differences: lines(differences), logs: lines(logs) };
  });
  const sentences = missing.slice(0, TOLD_MAX.missing).map(cutSaid);
  return {
    ...{ passed, failed },
    failures: within(first, TOLD_BYTES_MAX, ({ name, differences, logs }) => [name, ...differences, ...logs]),
    missing: within(sentences, MISSING_BYTES_MAX, (sentence) => [sentence]),
  };
}

/** The first of them whose texts have so many bytes together. */
function within<T>(all: readonly T[], bytes: number, textsOf: (one: T) => readonly string[]): readonly T[] {
  let left = bytes;
  const end = all.findIndex((one) => {
    left -= textsOf(one).reduce((sum, said) => sum + Buffer.byteLength(said), 0);
    return left < 0;
  });
  return end < 0 ? all : all.slice(0, end);
}

const count = z.number().int().nonnegative();
const Lines = z.array(text(SAID_MAX)).max(TOLD_MAX.lines);
const Result: z.ZodType<TrialResult> = z.strictObject({
  alerts: z
    .array(
      z.strictObject({
        rule: text(512),
        priority: z.enum(PRIORITIES),
        tags: z.array(text(256)).max(1000),
        source: text(64),
        time: Instant,
        output: text(65_536),
        outputFields: z.array(z.tuple([text(256), Value])).max(256),
        hostname: text(256),
        policy: text(256).optional(),
        tenant: text(256).optional(),
      }),
    )
    .max(10_000),
  more: count.optional(),
  logs: z.array(text(8192)).max(10_000),
  measured: z.array(SaidMeasured).max(1),
  fault: text(8192).nullable(),
  measure: z
    .strictObject({ nsPerEvent: z.number(), worstBatchMs: z.number(), fuel: Instant, memoryBytes: z.number() })
    .nullable() as z.ZodType<TrialMeasure | null>,
}) as z.ZodType<TrialResult>;

/** The only form in which the host takes a FromTrial. */
export const SaidOfTrial: z.ZodType<FromTrial> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("compiled"), fault: text(8192).nullable() }),
  z.strictObject({ kind: z.literal("result"), result: Result }),
  z.strictObject({
    kind: z.literal("tested"),
    told: z.strictObject({
      passed: count,
      failed: count,
      failures: z
        .array(z.strictObject({ name: text(SAID_MAX), differences: Lines, logs: Lines }))
        .max(TOLD_MAX.failures),
      missing: z.array(text(SAID_MAX)).max(TOLD_MAX.missing),
    }),
  }),
  z.strictObject({ kind: z.literal("wrong"), code: text(64), message: text(SAID_MAX), hint: text(SAID_MAX) }),
]);
