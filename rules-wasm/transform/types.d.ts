// SPDX-License-Identifier: Apache-2.0
// The shapes that the transform and its caller (host/policy/compile-child.ts) share.

/** build/generated/as/classes.json. */
export interface Contract {
  readonly schema: string;
  readonly minor: number;
  readonly ids: Readonly<Record<string, number>>;
  /** Which events a class of the SDK stands for. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

export interface ParameterHead {
  readonly name: string;
  readonly kind: "bool" | "int" | "string" | "strings";
  readonly default: unknown;
}

/** What the transform needs of policy.yaml. */
export interface PolicyHead {
  readonly name: string;
  readonly version: string;
  readonly parameters: readonly ParameterHead[];
}

/** What a policy says beside alerts. */
export interface FoundMeasures {
  readonly instruments: readonly FoundInstrument[];
  readonly meters: readonly FoundMeter[];
  readonly facts: readonly FoundFact[];
}

/** One fact(), as the section has it. */
export interface FoundFact {
  readonly name: string;
  readonly key: string;
}

/** One counter(), gauge(), histogram() or exponential(), as the section has it. */
export interface FoundInstrument {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "exponential";
  readonly unit: string;
  readonly doc: string;
  readonly labels: readonly string[];
  readonly bounds?: readonly number[];
  readonly slots: number;
}

/** One function with @meter. */
export interface FoundMeter {
  readonly name: string;
  readonly events: readonly string[];
  readonly className: string;
  readonly functionName: string;
  readonly module: string;
}

/** One function with @rule. */
export interface FoundRule {
  readonly name: string;
  readonly desc: string;
  readonly priority: string;
  readonly output: string;
  readonly tags: readonly string[];
  readonly events: readonly string[];
  readonly grouping?: {
    readonly dedup?: readonly string[];
    readonly threshold?: number;
    readonly window?: number;
    readonly runbook?: string;
  };
  /** The class of its parameter. */
  readonly className: string;
  readonly functionName: string;
  /** The file it stands in, without `.ts`, relative to the policy's folder. */
  readonly module: string;
}

/** One term of the author's code, and what it looks at (trace.js). */
export interface TracedTerm {
  readonly id: number;
  readonly file: string;
  /** Where it begins in the file. */
  readonly start: number;
  readonly text: string;
  /** It calls a function that is none of the SDK's, whose own terms say more. */
  readonly isOwn: boolean;
  /** `return true` or `return false`. */
  readonly isEnd: boolean;
  readonly sees: readonly { readonly id: number; readonly text: string }[];
}

/** Whether the module says its way to an answer; `careful` leaves names of values as they are. */
export type Tracing = "whole" | "careful";
