// SPDX-License-Identifier: Apache-2.0
//
// A tenant's policy that is explained, and means harm by it (H46): one that does not come to an end where
// instructions are not counted, and one that takes memory without end. The honest control is the same policy
// asked about an event at which it means none.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "msgpackr";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../host/errors.js";
import { MemoryBundle, openBundle } from "../../host/policy/bundle.js";
import { PolicyCompiler } from "../../host/policy/compile.js";
import { loadPolicy } from "../../host/policy/load.js";
import { ShortEvents } from "../../host/policy/short-event.js";
import { tracedAsLoaded } from "../../host/policy/trace.js";
import { WaysHouse } from "../../host/policy/ways-house.js";
import { readWays, told } from "../../host/policy/ways-messages.js";
import { openBatch } from "../../host/wire/batch.js";
import { until } from "../until.js";

const folder = join(mkdtempSync(join(tmpdir(), "explain-")), "harm");
mkdirSync(folder);
writeFileSync(join(folder, "policy.yaml"), 'name: harm\nversion: "1"\n');
writeFileSync(
  join(folder, "index.ts"),
  `import { Execve, Priority, rule, StringSet } from "vedette";
const ENDLESS = new StringSet(["endless"]), GREEDY = new StringSet(["greedy"]), NICE = new StringSet(["nice"]);
@rule({ name: "Harm", priority: Priority.Notice })
export function harm(e: Execve): bool {
  while (ENDLESS.has(e.proc.name)) {}
  while (GREEDY.has(e.proc.name)) new ArrayBuffer(1 << 20);
  return NICE.has(e.proc.name) && !e.failed;
}
`,
);
const compiler = new PolicyCompiler(join(folder, "../cache"));
const policy = await loadPolicy(openBundle(folder), { compiler });
compiler.close();
test.after(() => rmSync(join(folder, ".."), { recursive: true }));

const MS = 1_000;

// In the host itself: what its terms are called, and on which lines they stand.
test("H46: terms within terms, behind a million lines, cost the host little", async () => {
  const lines = 1_000_000;
  const place = join(folder, "../long");
  mkdirSync(place);
  writeFileSync(join(place, "policy.yaml"), 'name: long\nversion: "1"\n');
  writeFileSync(
    join(place, "index.ts"),
    `import { Execve, Priority, rule } from "vedette";${"\n".repeat(lines)}
@rule({ name: "Long", priority: Priority.Notice })
export function long(e: Execve): bool { return e.failed/*${"x".repeat(200_000)}*/${" == true".repeat(200)}; }
`,
  );
  const { terms } = await compiler.trace(openBundle(place), { name: "long", version: "1", parameters: [] });
  compiler.close();
  assert.ok(terms.length > 100, `${terms.length} terms`);
  assert.equal([...new Set(terms.map(({ line }) => line))], [lines + 3]);
  assert.ok(Math.max(...terms.map(({ text }) => text.length)) <= 1_000);
});

/** Processes of ours in which a policy is explained. */
function explaining(): number {
  const all = execFileSync("ps", ["-o", "args=", "--ppid", String(process.pid)], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes("ways-child.js")).length;
}

/** Asked about the last of these names alone. */
async function explained(...names: string[]) {
  const events = new ShortEvents();
  for (const name of names) events.add("execve", { proc: { name } });
  const house = new WaysHouse();
  try {
    const traced = await tracedAsLoaded(policy, () => openBundle(folder), compiler);
    const bytes = events.bytes();
    const batch = { bytes, container: null, chosen: [...openBatch(bytes).offsets].slice(-1) };
    return await house.explain(traced!, [batch], MS);
  } finally {
    house.close();
  }
}

test("H46: an honest event is explained: the term that was false, its value and its line", async () => {
  const [rule] = await explained("id", "ls"); // the other one takes the same way
  assert.equal([rule!.rule, rule!.fired, rule!.events], ["Harm", 0, 1]);
  const [term] = rule!.nearest[0]!.terms;
  assert.equal(term, {
    ...{ term: "NICE.has(e.proc.name)", is: false, at: "index.ts:7" },
    values: { "e.proc.name": '"ls"' },
  });
  await until("its process has ended", () => explaining() === 0);
});

test("H46: a policy that does not end while it is explained ends with its process, and that is told", async () => {
  try {
    await explained("endless");
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_POLICY_TRIAL");
    assert.match((error as VedetteError).message, /it took longer than 21 s/);
  }
  await until("its process has ended", () => explaining() === 0);
});

test("H46: a policy that takes memory without end is told to have trapped, and takes none of the host's", async () => {
  const before = process.memoryUsage.rss();
  const [rule] = await explained("greedy");
  assert.match(rule!.nearest[0]!.terms[0]!.term, /^trapped after this line: /);
  assert.ok(process.memoryUsage.rss() - before < 64 << 20);
  await until("its process has ended", () => explaining() === 0);
});

test("H46: sources that are others by now are neither explained nor compiled", async () => {
  const asked = new PolicyCompiler(join(folder, "../cache"));
  asked.compile = asked.trace = async () => assert.unreachable("it was compiled") as never;
  const others = [
    { "index.ts": "export const others = 1;" },
    { "index.ts": "no source at all {" },
    { "policy.yaml": "name: [" },
    { "policy.yaml": 'name: harm\nversion: "2"\n' },
  ];
  for (const changed of others) {
    const names = ["index.ts", "policy.yaml"];
    const files = new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
    for (const [name, text] of Object.entries(changed)) files.set(name, Buffer.from(text));
    const bundle = new MemoryBundle({ kind: "memory", place: folder }, files);
    assert.is(await tracedAsLoaded(policy, () => bundle, asked), null, JSON.stringify(changed));
  }
});

test("H46: of rules with long names, lines and values the process says as much as the host takes", () => {
  const long = "\u20ac".repeat(5_000);
  const term = { term: long, is: false, at: long, values: { [long]: long } };
  const nearest = Array.from({ length: 5 }, () => ({ count: 1, line: long, number: "1", terms: [term, term] }));
  const rules = told(Array.from({ length: 300 }, () => ({ rule: "Long", fired: 0, events: 5, nearest })));
  const said = pack({ kind: "explained", rules });
  assert.ok(said.length < 1 << 20, `${said.length} bytes`); // what cell-wire.ts takes at once
  assert.equal(readWays(said), { kind: "explained", rules });
  const withNearest = rules.filter((one) => one.nearest.length > 0).length;
  assert.equal([rules.length, withNearest > 0, withNearest < 200], [200, true, true]);
});

test("H46: of what the process says only the form of an answer is taken", () => {
  for (const bytes of [Buffer.from("81a46b696e64", "hex"), Buffer.from([0xc1]), Buffer.alloc(100, 0x93)])
    assert.throws(() => readWays(bytes));
});

test.run();
