// SPDX-License-Identifier: Apache-2.0
// The alert by which somebody tests an output: it says itself that nothing happened.
import { hostname } from "node:os";
import type { Alert } from "./alert.js";

const MS_NS = 1_000_000n;

/** Of source `internal`, now. */
export function testAlert(): Alert {
  return {
    rule: "Test of an output",
    priority: "Notice",
    tags: [],
    source: "internal",
    time: BigInt(Date.now()) * MS_NS,
    output: "This alert tests an output; nothing happened",
    outputFields: [["evt.type", "test"]],
    hostname: hostname(),
  };
}
