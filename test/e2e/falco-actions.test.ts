// SPDX-License-Identifier: Apache-2.0
// The actions of Falco's event-generator, live: each must raise the alert of the rule that it is named after.
// Time limit: 300 s.
import { execFileSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missingForTasks, Task } from "../lab/task.js";
import { ACTIONS, type Action, ADDRESSES, type Place } from "./falco-actions.js";
import { type FalcoAlert, type PlayOptions, play, RULES, Wings } from "./falco-stage.js";

// Also those that are switched off in the files.
const OPTIONS = ["rules[].enable.rule=*"];
const alike = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");

function silent(actions: readonly Action[], alerts: readonly (readonly FalcoAlert[])[]): string[] {
  return actions.flatMap(({ name }, i) => {
    const rules = new Set(alerts[i]!.map(({ rule }) => rule));
    return [...rules].some((rule) => alike(rule) === alike(name))
      ? []
      : [`${name}: ${[...rules].join(", ") || "nothing"}`];
  });
}

test("there are 66 actions, each named once", () => {
  const names = ACTIONS.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.is(names.length, 66);
});

const CONTAINERS: Record<Exclude<Place, "machine">, PlayOptions> = {
  container: {},
  "container with SYS_ADMIN": { capabilities: ["SYS_ADMIN"] },
  "privileged container": { isPrivileged: true },
  "container without a seccomp profile": { isUnconfined: true },
};
const places = new Map<Place, Action[]>();
for (const action of ACTIONS) places.set(action.place, [...(places.get(action.place) ?? []), action]);

for (const [place, actions] of places) {
  const missing = missingForTasks();
  if (missing !== null) {
    console.log(`skipped: ${actions.length} actions on the ${place}: this machine has no ${missing}`);
    continue;
  }
  test(`${actions.length} actions on the ${place} fire their rules`, async () => {
    const wings = new Wings();
    const scenes = actions.map((action) => action.scene(wings));
    const task = new Task([]);
    try {
      await task.open();
      for (const address of ADDRESSES)
        execFileSync("ip", ["-n", task.name, "addr", "add", `${address}/32`, "dev", "lo"]);
      const where = place === "machine" ? { network: task.name } : { task, ...CONTAINERS[place] };
      assert.equal(silent(actions, await play(wings, scenes, { rules: RULES, options: OPTIONS, ...where })), []);
    } finally {
      await task.close();
    }
  });
}

test("a scene in which nothing happens raises no alert", async () => {
  const wings = new Wings();
  const [alerts] = await play(wings, [[["proc", wings.program("eg_idle"), "eg_idle"]]], { rules: RULES });
  assert.equal(alerts, []);
});

test.run();
