// SPDX-License-Identifier: Apache-2.0
// Names in the queries that a policy sees, by whichever call they are sent.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { query } from "../meters/dns-messages.js";
import { cleanUp, loadSource, Running } from "./shared.js";

const POLICY = await loadSource(`
import { AnySend, note, Priority, rule } from "vedette";
import { DnsQuery } from "vedette/protocols";
const QUERY = new DnsQuery();
@rule({ name: "r", priority: Priority.Debug, output: "o" })
export function r(e: AnySend): bool {
  if (!QUERY.read(e)) return false;
  note(QUERY.name.toString() + " " + QUERY.type + (QUERY.isCut ? "cut" : ""));
  return true;
}
`);
const MESSAGE = Buffer.from(query(1, "a.Example.com", "AAAA"), "latin1");

function asked(call: string, data: Buffer, res: number | string): string {
  const running = new Running(POLICY);
  const said = running.judge([call, { fd: "udp 10.0.0.5:40000->10.0.0.2:53", proc: { name: "x" }, data, res }]);
  assert.equal(running.faults, []);
  return said.join().replace(/^o /, "");
}

test("a query is read whole from each call that sends", () => {
  for (const call of ["sendto", "sendmsg"]) assert.is(asked(call, MESSAGE, MESSAGE.length), "a.example.com AAAA", call);
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
