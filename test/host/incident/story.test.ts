// SPDX-License-Identifier: Apache-2.0
// An incident as a story: its head, its processes as a tree, its rows; as wide as the terminal and no wider,
// and without anything that could move the cursor.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Grouping, storyOf } from "../../../host/incident/incident.js";
import { alertOf, type Said } from "./shared.js";

function story(width: number, ...said: (Said & { output?: string })[]): string[] {
  const grouping = new Grouping();
  for (const { output, ...one } of said) grouping.take(alertOf(one, output === undefined ? {} : { output }));
  const [incident] = [...grouping.all()];
  return storyOf(incident!.view, { width, hasColours: false });
}

const CHAIN: Said[] = [
  { pid: 10, above: [1], rule: "A", tags: ["TA0002"] },
  { at: 0.5, pid: 12, above: [11, 10, 1], rule: "B", file: 7, tags: ["TA0006"] },
  { at: 0.6, pid: 12, above: [11, 10, 1], rule: "B", file: 7 },
];

test("a head, a tree and a row for each kind", () => {
  const lines = story(100, ...CHAIN);
  assert.is(lines[0], "INCIDENT (Warning)  A");
  assert.is(lines[1], "  3 findings in 0.6 s in web: Execution, Credential Access");
  assert.equal(lines.slice(3, 7), ["  p1", "  └─ p10 run *", "     └─ p11", "        └─ p12 run *"]);
  assert.match(lines[8]!, /^ {2}\d\d:\d\d:\d\d\.\d{3} {2}A happened {2,}p10 run$/);
  assert.match(lines[9]!, /^ {6}\+0\.500 s {2}B happened \(2 times\) {2,}p12 run {2}\/f7$/);
  assert.is(lines.length, 10);
});

test("branches that say the same are one, with how often", () => {
  const grouping = new Grouping();
  for (const pid of [10, 11, 12]) grouping.take(alertOf({ pid, above: [1], file: 7 }));
  const { view } = [...grouping.all()][0]!;
  const processes = view.processes.map((one) => ({ ...one, command: one.parent === null ? "sh" : "cat /f7" }));
  const lines = storyOf({ ...view, processes }, { width: 80, hasColours: false });
  assert.equal(lines.slice(3, 6), ["  sh", "  └─ cat /f7 * (3 times)", ""]);
});

test("no line is wider than the terminal", () => {
  const long = { pid: 20, above: [10, 1], rule: "L".repeat(300), output: "x".repeat(500), at: 1 };
  for (const width of [40, 80, 120])
    for (const line of story(width, ...CHAIN, long)) assert.ok([...line].length <= width, line);
});

test("what an attacker chose is shown, not sent to the terminal", () => {
  const lines = story(120, { output: "\u001b[2Jgone\u202e | x", rule: "R\n" });
  assert.not.match(lines.join(""), /[\u0000-\u001f\u202e]/);
  assert.match(lines.join(""), "\\x1b[2Jgone\\u202e");
});

test("beyond twenty rows they are counted", () => {
  const said = Array.from({ length: 30 }, (_, file) => ({ file, at: file }));
  assert.is(story(100, ...said).at(-1), "  (10 rows more)");
});

test.run();
