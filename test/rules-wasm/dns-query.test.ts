// SPDX-License-Identifier: Apache-2.0
// Names in the queries that a policy sees, by whichever call they are sent.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { framed, query } from "../meters/dns-messages.js";
import { cleanUp, loadSource, Running } from "./shared.js";

const POLICY = await loadSource(`
import { Event, note, Priority, rule } from "vedette";
import { DnsQuery } from "vedette/protocols";
const QUERY = new DnsQuery();
@rule({ name: "r", priority: Priority.Debug, output: "o", events: ["sendto", "sendmsg", "sendmmsg", "write", "writev", "read"] })
export function r(e: Event): bool {
  if (!QUERY.read(e)) return false;
  note(QUERY.name.toString() + " " + QUERY.type + (QUERY.isCut ? "cut" : ""));
  return true;
}
`);
const MESSAGE = Buffer.from(query(1, "a.Example.com", "AAAA"), "latin1");

function asked(call: string, data: Buffer, res: number | string, proto = "udp"): string {
  const running = new Running(POLICY);
  const said = running.judge([call, { fd: `${proto} 10.0.0.5:40000->10.0.0.2:53`, proc: { name: "x" }, data, res }]);
  assert.equal(running.faults, []);
  return said.join().replace(/^o /, "");
}

test("a query is read whole from each call that sends", () => {
  for (const call of ["sendto", "sendmsg", "write", "writev"])
    assert.is(asked(call, MESSAGE, MESSAGE.length), "a.example.com AAAA", call);
  assert.is(asked("read", MESSAGE, MESSAGE.length), "");
});

test("of a stream, a query is read behind its length, or alone where that was sent before", () => {
  const one = Buffer.from(framed(query(1, "a.example.com", "AAAA")), "latin1");
  assert.is(asked("writev", one, one.length, "tcp"), "a.example.com AAAA");
  assert.is(asked("sendto", MESSAGE, MESSAGE.length, "tcp"), "a.example.com AAAA");
  assert.is(asked("write", Buffer.concat([one, one]), 2 * one.length, "tcp"), "a.example.com AAAA");
  assert.is(asked("write", one.subarray(0, 2), 2, "tcp"), "");
  assert.is(asked("write", one.subarray(0, 22), one.length, "tcp"), "a cut");
  assert.is(asked("write", one, one.length), "");
});

test("a point within a label is written by its number, and the root is a point", () => {
  const raw = Buffer.from(query(1, "", "A", { raw: "\x08evil.com\x01a\0" }), "latin1");
  assert.is(asked("sendto", raw, raw.length), "evil\\046com.a A");
  const root = Buffer.from(query(1, "", "NS"), "latin1");
  assert.is(asked("sendto", root, root.length), ". NS");
});

test("of queries that one sendmmsg sends, the first is read, however many there are", () => {
  for (const res of [1, 2, MESSAGE.length, MESSAGE.length + 9]) {
    assert.is(asked("sendmmsg", MESSAGE, res), "a.example.com AAAA", `${res}`);
    assert.is(asked("sendmmsg", MESSAGE.subarray(0, 20), res), "a cut", `${res}`);
  }
});

test("a query that was cut has what was kept of its name, and one that was not sent is none", () => {
  assert.is(asked("sendto", MESSAGE.subarray(0, 20), MESSAGE.length), "a cut");
  assert.is(asked("sendto", MESSAGE.subarray(0, 20), 20), "");
  for (const call of ["sendto", "sendmmsg"]) assert.is(asked(call, MESSAGE, "ECONNREFUSED"), "", call);
});

test.after(cleanUp);
test.run();
