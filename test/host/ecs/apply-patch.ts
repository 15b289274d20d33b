// SPDX-License-Identifier: Apache-2.0
// A JSON Patch, applied as Copilot applies its overrides.
import * as assert from "uvu/assert";
import type { Operation } from "../../../host/ecs/patch.js";
import type { Any } from "./plain.js";

/** Without what is there twice by an alias. */
export const structured = (value: Any): Any => JSON.parse(JSON.stringify(value));

/** RFC 6902, as far as Copilot knows it: throws where something is not there. */
export function applied(document: Any, operations: readonly Operation[]): Any {
  const root = { "": structured(document) };
  for (const { op, path, value } of operations) {
    const steps = path.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = steps.pop()!;
    const holder = steps.reduce((at: Any, step) => {
      assert.ok(step in at, `${path}: ${step} is not there`);
      return at[step];
    }, root);
    assert.ok(op === "add" || last in holder, `${path} is not there`);
    if (op === "remove") Array.isArray(holder) ? holder.splice(Number(last), 1) : delete holder[last];
    else if (Array.isArray(holder) && op === "add")
      holder.splice(last === "-" ? holder.length : Number(last), 0, value);
    else holder[last] = value;
  }
  return root[""];
}
