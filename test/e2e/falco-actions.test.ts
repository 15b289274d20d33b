// SPDX-License-Identifier: Apache-2.0
// The actions of Falco's event-generator, live: each must fire exactly the rule that it is named after, and
// those rules that the table ALSO says, with the reason, describe the same deed. Where one of those lets
// somebody pass (ALONE), the deed is done by that one too and must fire its rule alone. The rules are on or
// off as the files have it; those that are off are switched on for their own actions.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missingFalco, withFalco } from "../falco-files.js";
import { missingForTasks, Task } from "../lab/task.js";
import { ACTIONS, type Action, ALONE, ALSO, LISTENERS, type Place } from "./falco-actions.js";
import { type PlayOptions, play, RULES, Wings } from "./falco-stage.js";
import { ROOT } from "./programs.js";

const NAMES = ACTIONS.map(({ name }) => name);
// A rule's name as actions have it.
const alike = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, "");

test("there are 66 actions, each named once, and what is said of one is said of an action", () => {
  assert.is(new Set(NAMES).size, 66);
  assert.is(NAMES.length, 66);
  assert.equal(
    Object.keys(ALSO).filter((name) => !NAMES.includes(name)),
    [],
  );
  assert.equal(
    Object.keys(ALONE).filter((name) => ALSO[name] === undefined),
    [],
  );
  const docs = readFileSync(join(ROOT, "docs/falco.md"), "utf8");
  for (const [name, { rule, reason }] of Object.entries(ALSO)) {
    assert.match(docs, `| ${name} | ${rule} | ${reason} | ${ALONE[name]?.by ?? "nobody"} |`);
  }
});

const CONTAINERS: Record<Exclude<Place, "machine">, PlayOptions> = {
  container: { passwd: "/etc/passwd" }, // which knows daemon
  "container with SYS_ADMIN": { capabilities: ["SYS_ADMIN"] },
  "privileged container": { isPrivileged: true },
  "container without a seccomp profile": { isUnconfined: true },
};

// Which rules each action fired, sorted, as a line.
async function fired(place: Place, actions: readonly Action[], options: readonly string[]): Promise<string[]> {
  const wings = new Wings();
  const task = new Task([]);
  const listeners: ChildProcess[] = [];
  try {
    const scenes = actions.map((action) => action.scene(wings));
    await task.open();
    for (const { address, port } of LISTENERS) listeners.push(await listen(task, address, port));
    const where = place === "machine" ? { network: task.name } : { task, ...CONTAINERS[place] };
    const alerts = await play(wings, scenes, { rules: RULES, options, ...where });
    return actions.map(({ name }, i) => {
      const rules = new Set(alerts[i]!.map(({ rule }) => (alike(rule) === alike(name) ? "its own" : rule)));
      return `${name}: ${[...rules].sort().join(", ")}`;
    });
  } finally {
    for (const listener of listeners) listener.kill();
    wings.clear();
    await task.close();
  }
}

async function listen({ name }: Task, address: string, port: number): Promise<ChildProcess> {
  execFileSync("ip", ["-n", name, "addr", "add", `${address}/32`, "dev", "lo"]);
  const server = `require("net").createServer((s) => s.end()).listen(${port}, "${address}", () => console.log("ready"))`;
  const listener = spawn("ip", ["netns", "exec", name, process.execPath, "-e", server], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(listener.stdout!, "data");
  return listener;
}

function expected({ name }: Action, matching: "all" | "first"): string {
  const also = ALSO[name];
  const rules = also !== undefined && (matching === "all" || !also.isSameEvent) ? [also.rule] : [];
  return `${name}: ${["its own", ...rules].sort().join(", ")}`;
}

interface Round {
  title: string;
  place: Place;
  actions: Action[];
  matching: "all" | "first";
  options: string[];
  expected(action: Action, matching: "all" | "first"): string;
}

const places: Place[] = ["machine", ...(Object.keys(CONTAINERS) as Place[])];
const rounds = places.flatMap((place): Round[] => {
  const [on, off] = [false, true].map((isOff) =>
    ACTIONS.filter((a) => a.place === place && (a.off !== null) === isOff),
  ) as [Action[], Action[]];
  const two = on.filter(({ name }) => ALSO[name] !== undefined);
  const enabled = off.map((action) => `rules[].enable.rule=${action.off}`);
  return [
    { title: "fire exactly their rules", place, actions: on, matching: "all", options: [], expected },
    {
      title: "whose rules are off by default fire exactly these",
      place,
      actions: off,
      matching: "all",
      options: enabled,
      expected,
    },
    {
      title: "fire what Falco's default of one rule an event leaves",
      place,
      actions: two,
      matching: "first",
      options: [],
      expected,
    },
  ];
});
rounds.push({
  title: "by whom the other rule lets pass fire their own alone",
  place: "machine",
  actions: Object.entries(ALONE).map(([name, { scene }]) => ({ name, place: "machine", off: null, scene })),
  matching: "all",
  options: [],
  expected: ({ name }) => `${name}: its own`,
});

for (const { title, place, actions, matching, options, expected } of rounds.filter((one) => one.actions.length > 0)) {
  const missing = missingForTasks() ?? missingFalco;
  if (missing !== null) {
    console.log(`skip: ${actions.length} actions on the ${place}: ${missing} is missing`);
    continue;
  }
  test(`${actions.length} actions on the ${place} ${title}`, async () => {
    const all = [...options, `rule_matching=${matching}`];
    assert.equal(
      await fired(place, actions, all),
      actions.map((action) => expected(action, matching)),
    );
  });
}

withFalco("a scene in which nothing happens raises no alert", async () => {
  const wings = new Wings();
  const [alerts] = await play(wings, [[["proc", wings.program("eg_idle"), "eg_idle"]]], { rules: RULES });
  assert.equal(alerts, []);
});

test.run();
