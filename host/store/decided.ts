// SPDX-License-Identifier: Apache-2.0
// What stands about the case of an incident, and what it is after somebody decided.
import type { Decision } from "./store.js";

/** As a row has it. */
export interface Decided {
  readonly case: string;
  readonly verdict: string | null;
  readonly note: string | null;
}

/** A case that is opened again has no verdict. */
export function decided(before: Decided, { case: state, verdict, note }: Decision): Decided {
  return {
    case: state ?? before.case,
    verdict: state === "open" ? null : (verdict ?? before.verdict),
    note: note ?? before.note,
  };
}

/** Whether a decision changed nothing. */
export function isSame(before: Decided, after: Decided): boolean {
  return after.case === before.case && after.verdict === before.verdict && after.note === before.note;
}
