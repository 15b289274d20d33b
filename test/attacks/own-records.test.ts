// SPDX-License-Identifier: Apache-2.0
//
// What a program may say of itself in its own memory, and what the kernel says instead.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, buildAttack, control, judged } from "./attack.js";

const seeks = (events: Event[], descriptor: number): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === descriptor);

test("I2: a thread that records where nobody reads is told of at its next stop, and traced from then on", async () => {
  const { run, events } = await attack("own_context", ["own"]);
  assert.equal(answersOf(run), { context: "taken", end: "reached" });
  assert.equal(notices(events, "TAMPER"), ["a thread has recorded where nobody reads"]);
  assert.equal(notices(events, "TIER_DEGRADED"), ["a thread took a GS base of its own"]);
  assert.is(seeks(events, 9200).length, 100);
  assert.ok(seeks(events, 9200).every((event) => event["vedette.tier"] === "trace"));
});

test("I2: control: the same calls with the thread's own ring", async () => {
  const { run, events } = await control("own_context", ["calm"]);
  assert.equal(answersOf(run), { end: "reached" });
  assert.equal([...notices(events, "TAMPER"), ...notices(events, "TIER_DEGRADED")], []);
  assert.is(seeks(events, 9100).length, 100);
  assert.is(seeks(events, 9200).length, 100);
});

test("I3: where a thread went unseen, the kernel says when its program is traced from then on", async () => {
  const { run, events } = await attack("own_context", ["folder"]);
  assert.equal(answersOf(run), { context: "taken" });
  assert.equal(
    ofType(events, "chdir").filter((event) => event["evt.arg.path"] === "/etc"),
    [],
  );
  const opened = [...ofType(events, "open"), ...ofType(events, "openat")].map((event) => event["fd.name"]);
  assert.is(opened.at(-1), "/etc/passwd");
});

const wentToEtc = (events: Event[]): Event[] =>
  ofType(events, "chdir").filter((event) => event["evt.arg.path"] === "/etc");
const ofShell = (events: Event[]): unknown[] =>
  ofType(events, "execve")
    .filter((event) => event["evt.arg.filename"] === "/bin/sh")
    .map((event) => event["evt.arg.cwd"]);

test("I3: where a program that often goes elsewhere does so unseen, its exec says where it is", async () => {
  const { run, events } = await attack("own_context", ["moved"]);
  assert.equal(answersOf(run), { context: "taken" });
  assert.equal(wentToEtc(events), []);
  assert.equal(ofShell(events), ["/etc"]);
});

test("I3: until then the gates of chdir and fchdir are shut: the call is seen, and who jumps there dies", async () => {
  const { run, events } = await attack("own_context", ["shut"]);
  assert.equal(answersOf(run), { shut: "2", died: "2", context: "taken" });
  assert.is(wentToEtc(events).length, 1);
  assert.equal(ofShell(events), ["/etc"]);
});

test("I7: a shell whose descriptors became a socket unseen is found at its exec, by the kernel's word", async () => {
  const { alerts } = await judged([buildAttack("own_context"), "shell"]);
  const rules = alerts.map((alert) => alert.rule);
  assert.ok(rules.includes("Shell on a socket"), `alerts: ${rules.join(", ")}`);
});

test("I8: a call that is restarted is told of by what the kernel reads then", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "secret"), "");
  const { run, events } = await attack("restarted_open", ["secret"], { cwd: folder });
  assert.equal(answersOf(run), { opened: "file" });
  // Not those of the one who has the other end.
  const opened = [...ofType(events, "open"), ...ofType(events, "openat")].filter(
    (event) => Number(event["evt.rawres"]) >= 0 && !String(event["evt.arg.flags"]).includes("O_NONBLOCK"),
  );
  assert.ok(opened.some((event) => event["fd.name"] === join(folder, "secret")));
  assert.not.ok(opened.some((event) => event["fd.name"] === join(folder, "pipe")));
});

test("I8: control: a call that is restarted as it was", async () => {
  const { run, events } = await control("restarted_open", ["pipe"]);
  assert.equal(answersOf(run), { opened: "pipe" });
  assert.ok(
    [...ofType(events, "open"), ...ofType(events, "openat")].some((event) =>
      String(event["fd.name"]).endsWith("/pipe"),
    ),
  );
});

// A convention that the kernel may lack, as it lacks the machine's 32-bit programs then.
const HAS_32_BITS = process.arch === "x64";
const received = (events: Event[]): unknown[] =>
  ofType(events, "recvfrom")
    .filter((event) => Number(event["evt.rawres"]) === 3)
    .map((event) => Number(event["evt.arg.fd"]));

if (HAS_32_BITS) {
  test("I8: a call whose arguments lie in memory (i386) is told of by those that the kernel reads then", async () => {
    const { run, events } = await attack("restarted_socketcall", ["other"]);
    assert.equal(answersOf(run), { received: "3" });
    assert.equal(received(events), [50]);
  });

  test("I8: control: such a call that is restarted as it was", async () => {
    const { run, events } = await control("restarted_socketcall", ["same"]);
    assert.equal(answersOf(run), { received: "3" });
    assert.equal(received(events), [40]);
  });
}

test.run();
