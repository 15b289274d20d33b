// SPDX-License-Identifier: Apache-2.0
// An alert and its one line of JSON, as Falco writes it: keys in alphabetical order, a time of nine digits, tags sorted, and
// output_fields with null for what is missing. evt.time is a bare integer beyond 2^53, so the line is put together as text:
// JSON.stringify cannot write a bigint, and a JavaScript number would lose its last digits.
import type { Value } from "../wire/value.js";

export const PRIORITIES = [
  "Emergency",
  "Alert",
  "Critical",
  "Error",
  "Warning",
  "Notice",
  "Informational",
  "Debug",
] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Posted from the policy workers to the main thread: plain data, so that it can be cloned. */
export interface Alert {
  readonly rule: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  /** "syscall", as in Falco; "internal" for what Vedette says of itself. */
  readonly source: string;
  /** ns since the epoch. */
  readonly time: bigint;
  /** The finished sentence, without time and priority in front. */
  readonly output: string;
  /** Every %field of the output under its own text. */
  readonly outputFields: readonly (readonly [name: string, value: Value])[];
  /** The host the event came from. */
  readonly hostname: string;
  readonly policy?: string;
  readonly tenant?: string;
}

/** The line, without its line feed. */
export declare function alertJson(alert: Alert): string;
