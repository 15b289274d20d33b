// SPDX-License-Identifier: Apache-2.0
// An incident as the control API gives it: names with few words, and whole numbers beyond 2^53 as text.
import type { IncidentView } from "./parts.js";

/** One line, without its line feed. */
export function incidentJson(view: IncidentView, seq: number): string {
  const { closed, leftOut, ...rest } = view;
  const said = { seq, state: closed === null ? "open" : "closed", closed_by: closed, ...rest, left_out: leftOut };
  return JSON.stringify(said, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one));
}
