// SPDX-License-Identifier: Apache-2.0
//
// What an agent may say beside its events, said in every way but the documented one (H50): values of all
// kinds in all places, words without end, names that look like lines of the log. An honest agent is beside
// it.
import { Packr } from "msgpackr";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SCHEMA } from "../../build/generated/events.js";
import { until } from "../until.js";
import { frame, HandAgent, openHost, sourceOf, stillJudges } from "./host.js";

const packr = new Packr({ useRecords: false });
const { host, secret, honest } = await openHost(test);

const INFO = {
  pid: 7,
  hostname: "box",
  command: ["app"],
  container: { name: "odd", id: null, metadata: null },
  secret,
};
/** What stands where something else should. */
const ODD: readonly unknown[] = [
  ...[null, true, "abc", "", 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e308, 2n ** 64n - 1n, -(2n ** 63n)],
  ...[
    [],
    {},
    [[[[]]]],
    new Date(0),
    Buffer.alloc(3),
    Buffer.alloc(16),
    "x".repeat(60_000),
    { toString: 1, valueOf: 1 },
  ],
  ...[JSON.parse('{"__proto__":{"pid":1},"constructor":1}'), { name: { toString: 1 }, id: ["x"] }],
];

let sources = 500_000;
const fresh = (): Buffer => Buffer.from(sourceOf(sources++));
const hello = (...parts: unknown[]): Buffer => frame(packr.pack(["hello", ...parts]));

/** Says it, and waits until the host has ended the connection, or has taken the agent in. */
async function say(...words: readonly Uint8Array[]): Promise<HandAgent> {
  const agent = await HandAgent.silent(host.socket);
  agent.write(...words);
  await until("the host has an answer", () => agent.isClosed || agent.heard.length > 0 || host.end !== null);
  assert.is(host.end, null, host.stderr.slice(-1_000));
  return agent;
}

test("H50: a hello with any value in any place is refused or taken, and the host goes on", async () => {
  for (const odd of ODD) {
    const hellos = [
      hello(odd, SCHEMA, fresh(), INFO),
      hello(1, odd, fresh(), INFO),
      hello(1, SCHEMA, odd, INFO),
      hello(1, SCHEMA, fresh(), odd),
      ...Object.keys(INFO).map((key) => hello(1, SCHEMA, fresh(), { ...INFO, [key]: odd })),
    ];
    const agents = await Promise.all(hellos.map((one) => say(one)));
    for (const agent of agents) agent.close();
  }
  await stillJudges(host, honest);
});

test("H50: a hello that is nested without end, and extensions of msgpack, end the connection alone", async () => {
  const begin = Buffer.concat([Buffer.from([0x95]), ...["hello", 1, SCHEMA, fresh()].map((one) => packr.pack(one))]);
  const deep = Buffer.concat([begin, Buffer.alloc(60_000, 0x91), Buffer.from([0xc0])]);
  const extended = Array.from({ length: 256 }, (_, kind) =>
    Buffer.concat([begin, Buffer.from([0xc7, 4, kind, 0x82, 0xa1, 0x61, 0x01])]),
  );
  for (const bytes of [deep, ...extended]) (await say(frame(bytes))).close();
  await stillJudges(host, honest);
});

test("H50: ends and answers with any value in any place count nothing that cannot be", async () => {
  const admitted = hello(1, SCHEMA, fresh(), { ...INFO, container: { name: "counted", id: null } });
  for (const odd of ODD)
    for (const words of [
      ["end", odd, odd, odd],
      ["end", 0, 0, [odd, odd]],
      ["prevented", odd],
      ["responded", odd, odd, odd, odd, odd],
      ["responded", 1, 0, 0, odd, odd],
      ["fill", odd, odd, odd, odd],
    ]) {
      const agent = await say(admitted);
      agent.write(frame(packr.pack(words)));
      agent.close();
    }
  await stillJudges(host, honest);
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  const counted = text.split("\n").filter((line) => line.includes('container="counted"'));
  assert.ok(counted.length > 0, "the control");
  for (const line of counted) assert.match(line, /} \d{1,15}$/);
});

test("H50: a name has its bound in alerts and numbers, and is no line of the log", async () => {
  const line = "2026-11-30T00:00:00.000Z info vedette: forged";
  const long = await say(hello(1, SCHEMA, fresh(), { ...INFO, hostname: "h".repeat(60_000), container: null }));
  const lines = [`app\n${line}`, `\u001b[2J\u009b1m\u202e`];
  const named = {
    ...INFO,
    command: lines,
    hostname: `b\n${line}`,
    container: { name: `c\n${line}\u001b[2J`, id: null },
  };
  const forger = await say(hello(1, SCHEMA, fresh(), named));
  await until("both are watched", () => host.stderr.includes("watching hhh") && host.stderr.includes("watching c"));
  for (const agent of [long, forger]) agent.close();
  const isGone = (name: string): boolean =>
    host.alerts.some(({ rule, output }) => rule === "Agent gone without a word" && output.includes(`name=${name}`));
  await until("both are missed", () => isGone("hhh") && isGone("c\n"));
  for (const alert of host.alerts) assert.ok(JSON.stringify(alert).length < 4_000, "no alert is longer for it");
  assert.not.match(host.stderr, /^2026-11-30T00:00:00.000Z/m);
  assert.not.match(host.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  const text = await (await fetch(`http://${host.http}/metrics`)).text();
  assert.ok(text.length < 100_000, `${text.length} characters of numbers`);
  assert.not.match(text, /^2026-11-30/m);
});

const FLOOD = 2_000;
test("H50: words that nobody asked for raise no alerts, and few lines", async () => {
  const flooder = await HandAgent.honest(host.socket, { secret, container: "flood" });
  const before = { alerts: host.alerts.length, log: host.stderr.length };
  for (const words of [
    ["responded", 5, 0, 0, 1, "why"],
    ["prevented", "no room"],
  ]) {
    const one = frame(packr.pack(words));
    flooder.write(...Array.from({ length: FLOOD }, () => one));
  }
  flooder.write(flooder.shadow("behind"));
  await until("all of it was heard", () => host.alertsOf("behind").length > 0);
  const answered = host.alerts.slice(before.alerts).filter(({ output }) => output.includes("VEDETTE_PREVENT_TABLE"));
  assert.ok(answered.length <= 1, "the control: it was given a table, and may say of that one that it has no room");
  assert.ok(host.stderr.length - before.log < 20_000, `${host.stderr.length - before.log} characters`);
  await stillJudges(host, honest);
  flooder.close();
});

const TIMES = 60;
test("H50: an agent that comes and goes without end is told of some times, and how often it was not", async () => {
  const told = () => host.alerts.filter(({ output }) => output.includes("name=again "));
  const counted = async (): Promise<number> => {
    const text = await (await fetch(`http://${host.http}/metrics`)).text();
    return Number(/^vedette_agents_gone_total\{container="again",cause="closed"\} (\d+)/m.exec(text)?.[1] ?? 0);
  };
  for (let i = 0; i < TIMES; i++) {
    const agent = await say(hello(1, SCHEMA, fresh(), { ...INFO, container: { name: "again", id: null } }));
    agent.close();
  }
  await until("all are counted", async () => (await counted()) === TIMES);
  await stillJudges(host, honest);
  assert.ok(told().length >= 10 && told().length <= 15, `${told().length} alerts`);
});

test.run();
