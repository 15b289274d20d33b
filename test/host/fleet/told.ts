// SPDX-License-Identifier: Apache-2.0
// A policy that tells each opened file as a fact, and raises an alert when so many tasks have opened one of
// the same name: once for each name, whichever hosts judge.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "../../e2e/programs.js";

const INDEX = `import { Distinct, fact, FirstSeen, hours, keyOf, meter, Openat, Priority, rule, VedetteFact } from "vedette";

const FILE = fact({ name: "file", key: "fd.name" });
const TASKS = new Distinct(hours(24), 16, 1024);
const TOLD = new FirstSeen(hours(24));

@meter({ name: "opens" })
export function opens(e: Openat): void {
  FILE.tell(e, e.name, e.proc.name);
}

@rule({ name: "Shared", desc: "tasks that open a file of one name", priority: Priority.Warning, output: "%evt.arg.key %evt.arg.kind %evt.arg.value %evt.arg.policy %proc.name" })
export function shared(e: VedetteFact): bool {
  return TASKS.add(e, keyOf(e.key), keyOf(e.task)) >= MOST && TOLD.isNew(e, keyOf(e.key));
}
`;

const MOVING = `import { keyOf, minutes, Priority, rule, Steps, VedetteFact } from "vedette";

const MOVE = new Steps(minutes(10), 3);

@rule({ name: "Moved", desc: "three steps in three tasks", priority: Priority.Warning, output: "%evt.arg.key %evt.arg.value" })
export function moved(e: VedetteFact): bool {
  const step = e.value == "took" ? 0 : e.value == "carried" ? 1 : 2;
  if (!MOVE.happen(e, keyOf(e.key), step)) return false;
  MOVE.reset(keyOf(e.key));
  return true;
}
`;

/** The folder of that policy: of so many tasks. */
export function tellingPolicy(most: number): string {
  return written("telling", INDEX.replace("MOST", String(most)));
}

/** The folder of one that waits for three steps about a key, in the order of their times. */
export const movingPolicy = (): string => written("moving", MOVING);

function written(name: string, index: string): string {
  const folder = join(scratch(), name);
  mkdirSync(folder);
  writeFileSync(join(folder, "index.ts"), index);
  writeFileSync(join(folder, "policy.yaml"), `name: ${name}\nversion: 1.0.0\ndescription: Tells files.\n`);
  return folder;
}
