// SPDX-License-Identifier: Apache-2.0
// What a policy tells as facts: texts of each type, what is bounded and counted, and what the compiler
// refuses.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBatch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { cleanUp, loadError, loadSource, Running } from "./shared.js";

const HEAD = 'import { Connect, Event, fact, meter, Openat, Priority, rule, VedetteFact } from "vedette";\n';
const METER = (body: string, type = "Openat"): string =>
  `@meter({ name: "tells" })\nexport function tells(e: ${type}): void { ${body} }\n`;

function batch(count: number, name = "/etc/passwd", more: Record<string, unknown> = {}) {
  const builder = new BatchBuilder({ seq: 7, first: 41 });
  const process = builder.process({
    pid: 9,
    name: "cat",
    exepath: "/bin/cat",
    args: ["-n", "x"],
    uid: 5,
    start_time: 3n,
  });
  for (let i = 0; i < count; i++)
    builder.record("openat", { process, tid: 10, time: 100n + BigInt(i), result: 3, params: { name, ...more } });
  return openBatch(builder.bytes());
}

test("a fact has its kind, key and value as text, its event's number, time and thread, and its process", async () => {
  const source = `${HEAD}const A = fact({ name: "a", key: "x" });\nconst B = fact({ name: "b", key: "fd.name" });\n`;
  const body = 'B.tell(e, e.name, e.proc.name); A.tell(e, e.res, -12); A.tell(e, "é" + "", e.proc.user);';
  const running = new Running(await loadSource(source + METER(body)));
  running.judgeBatch(batch(1));
  const process = {
    ...{ pid: 9, vpid: null, started: 3n, uid: 5, user: null, name: "cat", exe: null, exepath: "/bin/cat" },
    ...{ args: ["-n", "x"], containerId: null },
  };
  const event = { num: 41, time: 100n, tid: 10, process };
  assert.equal(running.faults, []);
  assert.equal(running.told, {
    source: "ab".repeat(16),
    seq: 7,
    facts: [
      { kind: "b", key: "/etc/passwd", value: "cat", ...event },
      { kind: "a", key: "3", value: "-12", ...event },
      { kind: "a", key: "é", value: "", ...event },
    ],
    dropped: 0,
  });
  running.judge(["close", {}]);
  assert.is(running.told, null, "what was told is told once");
});

test("H88: of one batch a hundred facts are told; more, and those without a key that can be used, are counted", async () => {
  const source = `${HEAD}const A = fact({ name: "a", key: "x" });\n`;
  const many = new Running(await loadSource(source + METER("A.tell(e, e.name, 1);")));
  many.judgeBatch(batch(150));
  assert.equal([many.told?.facts.length, many.told?.dropped], [100, 50]);
  many.judgeBatch(batch(1, ""));
  assert.equal([many.told?.facts.length, many.told?.dropped], [0, 1], "no key");
  many.judgeBatch(batch(1, "k".repeat(257)));
  assert.equal([many.told?.facts.length, many.told?.dropped], [0, 1], "a long key is not cut: it would be another's");
  many.judgeBatch(batch(1, "k".repeat(256)));
  assert.is(many.told?.facts[0]?.key.length, 256);
  const long = new Running(await loadSource(source + METER('A.tell(e, "k", e.name);')));
  long.judgeBatch(batch(1, "v".repeat(4_000)));
  assert.is(long.told?.facts[0]?.value.length, 1_024);
});

test("H88: of one container some hundred facts a second are told, and another container is not kept back", async () => {
  const running = new Running(
    await loadSource(`${HEAD}const A = fact({ name: "a", key: "x" });\n${METER("A.tell(e, e.name, 1);")}`),
  );
  const told = (subject: string): number => {
    const one = batch(100);
    one.subject = { tenant: "t", task: subject };
    running.judgeBatch(one);
    return running.told?.facts.length ?? 0;
  };
  const noisy = Array.from({ length: 20 }, () => told("noisy")).reduce((sum, count) => sum + count, 0);
  assert.is(noisy, 1_000, "all events are of one moment");
  assert.is(told("quiet"), 100);
});

test("a rule and a meter see facts as they see calls", async () => {
  const source = `${HEAD}@rule({ name: "r", priority: Priority.Notice, output: "%evt.arg.key of %evt.arg.task" })
export function r(e: VedetteFact): bool { return e.kind == "contact" && e.key.startsWith("203."); }\n`;
  const running = new Running(await loadSource(source));
  const fact = (kind: string, key: string) => ["vedette.fact", { kind, key, task: "t1" }] as const;
  assert.equal(
    running.judge(fact("contact", "203.0.113.9"), fact("other", "203.0.113.9"), fact("contact", "10.0.0.1")),
    ["203.0.113.9 of t1"],
  );
});

const WRONG: readonly (readonly [title: string, source: string, words: RegExp])[] = [
  ["no key", 'const A = fact({ name: "a" });', /needs a key/],
  ["an empty name", 'const A = fact({ name: "", key: "x" });', /needs a name/],
  ["a long name", `const A = fact({ name: "${"a".repeat(65)}", key: "x" });`, /at most 64 bytes/],
  ["an unknown word", 'const A = fact({ name: "a", key: "x", size: 3 });', /does not know "size"/],
  ["no object", 'const A = fact("a");', /takes one object/],
  [
    "two of one name",
    'const A = fact({ name: "a", key: "x" });\nconst B = fact({ name: "a", key: "y" });',
    /two kinds of facts/,
  ],
];
for (const [title, source, words] of WRONG)
  test(`the compiler refuses ${title}`, async () => {
    const error = await loadError(`${HEAD}${source}\n${METER("")}`);
    assert.is(error.code, "VEDETTE_POLICY_COMPILE");
    assert.match(error.message, words);
  });

test("a fact that is told at the top of a file is an error of init", async () => {
  const source = `${HEAD}const A = fact({ name: "a", key: "x" });\nA.tell(changetype<Event>(0), "k", 1);\n${METER("")}`;
  const loaded = await loadSource(source);
  assert.throws(() => new Running(loaded), /tells no fact at its top/);
});

test.after(cleanUp);
test.run();
