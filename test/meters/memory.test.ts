// SPDX-License-Identifier: Apache-2.0
// What a batch costs a meter in memory: nothing where it finishes nothing, however many events it has. Each
// meter has as much memory as it needs to start, and less than 64 KiB more.
import { basename } from "node:path";
import { test } from "uvu";
import { METERS } from "../../host/paths.js";
import { findPolicies } from "../../host/policy/discover.js";
import { cleanUp, inLeastMemory } from "../rules-wasm/shared.js";
import { Meter, meterNamed, type Step } from "./conversation.js";

const EVENTS = 6_000;

for (const name of findPolicies(METERS).map((folder) => basename(folder))) {
  test(`${name} takes no memory for events that finish nothing`, async () => {
    const policy = inLeastMemory(await meterNamed(name));
    for (const isClient of [false, true]) {
      const flood = new Array<Step>(EVENTS).fill([">", "\r\n"]);
      new Meter(policy, "/usr/bin/server").judge([["accept", ""], ...flood], 7, 0, { isClient });
    }
  });
}

test.after(cleanUp);
test.run();
