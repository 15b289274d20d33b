// SPDX-License-Identifier: Apache-2.0
// Finds the one output that is to be tested. Names are not unique: an output may be named as another one is.
// So a name that several have means none of them, and whoever asks says the kind.
import type { Backlog, Tried } from "./backlog.js";
import { testAlert } from "./test-alert.js";

/** Which output is meant. */
export interface OutputAsked {
  readonly name: string;
  /** Undefined: of any kind. */
  readonly kind?: string | undefined;
}

/** Sends a test to the one that is meant, or says why there is none. */
export function tryOne(
  queues: readonly Backlog[],
  { name, kind }: OutputAsked,
  ms: number,
): Promise<Tried> | "none" | "several" {
  const found = queues.filter((one) => one.name === name && (kind === undefined || one.kind === kind));
  if (found.length > 1) return "several";
  return found[0]?.try(testAlert(), ms) ?? "none";
}
