// SPDX-License-Identifier: Apache-2.0
// `vedette fields`: all fields, all events, and the parameters of one event, as tables and as JSON.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { FIELDS } from "../../../host/falco/falco.js";
import { FIELD_NAMES } from "../../../host/wire/fields.js";
import { typed } from "./typed.js";

async function fields(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await typed("fields", ...words);
  assert.is(status, 0, stderr);
  return stdout;
}

test("each field has a row; one that no event here answers is marked, and one that is asked with an argument", async () => {
  const rows = (await fields()).split("\n");
  for (const { name, isAnswered } of FIELDS.values()) {
    const row = rows.find((one) =>
      [" ", "-"].some((mark) => one.startsWith(`${mark} ${name}`) && /[ ([]/.test(one.charAt(name.length + 2))),
    );
    assert.is(row?.startsWith("-"), !isAnswered, name);
  }
  assert.ok(rows.some((row) => row.startsWith("  evt.arg[NAME] ")));
  assert.match(rows.find((row) => row.includes("proc.aname"))!, /^ {2}proc\.aname\(\[N\]\) +text /);
});

test("as JSON, fields of Falco and our own are told apart", async () => {
  const all = JSON.parse(await fields("--json")) as { name: string; answered: boolean; output_only?: boolean }[];
  assert.equal(new Set(all.map(({ name }) => name)), new Set([...FIELDS.keys(), ...FIELD_NAMES]));
  for (const one of all) assert.is(one.output_only ?? false, !FIELDS.has(one.name), one.name);
});

test("--events lists every event with what it is", async () => {
  const rows = (await fields("--events")).trim().split("\n");
  assert.is(rows.length, EVENTS.length);
  assert.match(rows.find((row) => row.startsWith("openat "))!, /^openat {19}\S/);
  assert.equal(
    (JSON.parse(await fields("--events", "--json")) as { name: string }[]).map(({ name }) => name),
    EVENTS.map(({ name }) => name),
  );
});

test("A9: --event gives an event's parameters: the call's own first, then those of its kind", async () => {
  const [head, ...rows] = (await fields("--event", "openat")).trimEnd().split("\n");
  assert.match(head!, /^openat: /);
  assert.match(rows.find((row) => row.includes("evt.arg.flags "))!, /of \w+/, "the table of its words");
  const params = JSON.parse(await fields("--event", "openat", "--json")) as { name: string }[];
  const shown = rows.map((row) => /evt\.arg\.(\w+)/.exec(row)![1]!);
  assert.equal(new Set(shown), new Set(params.map(({ name }) => name)));
  const own = EVENTS.find(({ name }) => name === "openat")!.params.filter(({ slot }) => slot >= 0);
  assert.equal(new Set(shown.slice(0, own.length)), new Set(own.map(({ name }) => name)));
});

test("an event that is not there is refused, with the command that lists them", async () => {
  const { status, stderr } = await typed("fields", "--event", "opennat");
  assert.is(status, 2);
  assert.match(stderr, /There is no event "opennat"; `vedette fields --events` lists them\./);
});

test.run();
