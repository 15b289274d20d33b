// SPDX-License-Identifier: Apache-2.0
//
// What opens are told to have reached, held against what they reached: a letter for each open in order, the
// same letters on both sides, and `?` where it is told to be unknown.
import * as assert from "uvu/assert";
import { type Event, notices } from "../e2e/traces.js";

/**
 * Each open is told as what it reached, or as unknown; and at least as many notices say so. Gives how many
 * are unknown.
 */
export function expectNoneWrong(told: string, reached: string, events: Event[]): number {
  assert.is(told.length, reached.length, "each open is told of");
  const wrong = [...told].filter((one, i) => one !== "?" && one !== reached[i]).length;
  assert.is(wrong, 0, "no open is told as of another file");
  const unknown = [...told].filter((one) => one === "?").length;
  const uncertain = notices(events, "UNCERTAIN").length;
  assert.ok(uncertain >= unknown, `${unknown} opens are not known, and ${uncertain} notices say so`);
  return unknown;
}
