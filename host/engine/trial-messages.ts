// SPDX-License-Identifier: Apache-2.0
// What the host and the process that tries policies say to each other (trial-house.ts,
// ../policy/trial-child.ts). Of what comes back only this form is taken: a policy may have taken the process
// over.
import * as z from "zod";
import { PRIORITIES } from "../finding/priority.js";
import type { Examined } from "../wasm/admission.js";
import { SaidMeasured, text, Value } from "./cell-wire.js";
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
  | { readonly kind: "tested"; readonly failed: FailedTest | null }
  /** The tests themselves are wrong, as an error of the catalogue says it. */
  | { readonly kind: "wrong"; readonly code: string; readonly message: string; readonly hint: string };

/** A test of a policy that failed, and what differs. */
export interface FailedTest {
  readonly test: string;
  readonly reason: string;
}

const SAID_MAX = 8192;
/** As much of a text as the host takes. */
export const cutSaid = (said: string): string => said.slice(0, SAID_MAX);

const Result: z.ZodType<TrialResult> = z.strictObject({
  alerts: z
    .array(
      z.strictObject({
        rule: text(512),
        priority: z.enum(PRIORITIES),
        tags: z.array(text(256)).max(1000),
        source: text(64),
        time: z.bigint(),
        output: text(65_536),
        outputFields: z.array(z.tuple([text(256), Value])).max(256),
        hostname: text(256),
        policy: text(256).optional(),
        tenant: text(256).optional(),
      }),
    )
    .max(10_000),
  more: z.number().int().nonnegative().optional(),
  logs: z.array(text(8192)).max(10_000),
  measured: z.array(SaidMeasured).max(1),
  fault: text(8192).nullable(),
  measure: z
    .strictObject({ nsPerEvent: z.number(), worstBatchMs: z.number(), fuel: z.bigint(), memoryBytes: z.number() })
    .nullable() as z.ZodType<TrialMeasure | null>,
}) as z.ZodType<TrialResult>;

/** The only form in which the host takes a FromTrial. */
export const SaidOfTrial: z.ZodType<FromTrial> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("compiled"), fault: text(8192).nullable() }),
  z.strictObject({ kind: z.literal("result"), result: Result }),
  z.strictObject({
    kind: z.literal("tested"),
    failed: z.strictObject({ test: text(SAID_MAX), reason: text(SAID_MAX) }).nullable(),
  }),
  z.strictObject({ kind: z.literal("wrong"), code: text(64), message: text(SAID_MAX), hint: text(SAID_MAX) }),
]);
