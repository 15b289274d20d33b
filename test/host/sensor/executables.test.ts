// SPDX-License-Identifier: Apache-2.0
// Who is asked what a finding's process runs, which findings have the answer, and which answers count.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { HashRequest } from "../../../host/capture/agent.js";
import type { Finding } from "../../../host/finding/finding.js";
import type { Alert } from "../../../host/output/alert.js";
import { Executables } from "../../../host/sensor/executables.js";
import { ALERT, FINDING } from "../output/shared.js";

const DIGEST = "ab".repeat(32);
const PEER = { number: 3 };
const OLD = 1_000_000_000n;

function executables(isThere = true) {
  const asked: HashRequest[] = [];
  const told: Alert[] = [];
  const clock = { ms: 0 };
  const all = new Executables<{ readonly number: number }>(
    (_peer, request) => {
      if (isThere) asked.push(request);
      return isThere;
    },
    () => clock.ms,
  );
  const ask = (alert: Alert, peer: { readonly number: number } | null = PEER): void =>
    all.ask(alert, peer, (one) => void told.push(one));
  const answer = (id: number, sha256: string | null = DIGEST, why = ""): boolean =>
    all.onAnswer(PEER, { id, sha256, why });
  return { all, asked, told, clock, ask, answer };
}

/** Of a process that began ten seconds behind the epoch. */
function alertOf(more: Partial<NonNullable<Finding["executable"]>> = {}, pid = 41): Alert {
  const process = { ...FINDING.process!, pid, started: 10_000_000_000n };
  const executable = { path: "/usr/bin/curl", ino: 7n, dev: 8n, changed: OLD, isOfImage: true, ...more };
  return { ...ALERT, finding: { ...FINDING, process, executable } };
}
const digestOf = ({ finding }: Alert): string | undefined => finding?.executable?.sha256;

test("the first finding about a program asks its agent once, and later ones of the same file have the digest", () => {
  const { all, asked, told, ask, answer } = executables();
  for (const pid of [41, 42]) ask(all.mark(alertOf({}, pid), PEER));
  assert.equal(asked, [
    { id: 1, pid: 41, started: 10_000_000_000n, dev: 8n, ino: 7n, changed: OLD, path: "/usr/bin/curl" },
  ]);
  assert.ok(answer(1));
  assert.equal(
    told.map((one) => [one.finding?.process?.pid, digestOf(one)]),
    [
      [41, DIGEST],
      [42, DIGEST],
    ],
    "also the one that came while the question was open",
  );
  assert.is(digestOf(all.mark(alertOf({}, 43), PEER)), DIGEST);
  ask(alertOf({}, 43));
  assert.equal([told.length, asked.length], [3, 1], "who asks later is told at once");
  for (const other of [{ ino: 9n }, { dev: 9n }, { changed: OLD + 1n }])
    assert.is(digestOf(all.mark(alertOf(other), PEER)), undefined, "another file");
  assert.is(digestOf(all.mark(alertOf(), { number: 4 })), undefined, "another agent");
});

test("alerts that wait for one answer are not without end", () => {
  const { told, ask, answer } = executables();
  for (let pid = 1; pid <= 100; pid++) ask(alertOf({}, pid));
  answer(1);
  assert.is(told.length, 16);
});

test("of a file that changed just before the process began, a digest holds for that process alone", () => {
  const { all, asked, told, ask, answer } = executables();
  const fresh = { changed: 9_900_000_000n };
  ask(alertOf(fresh));
  ask(alertOf(fresh, 42));
  assert.is(asked.length, 2);
  answer(1);
  assert.equal([told.length, digestOf(all.mark(alertOf(fresh), PEER))], [1, DIGEST]);
  assert.is(digestOf(all.mark(alertOf(fresh, 42), PEER)), undefined);
});

test("a digest of which the agent says that it holds for one process is no other one's", () => {
  const { all, asked, told, ask, answer } = executables();
  for (const pid of [41, 42, 41]) ask(alertOf({}, pid));
  answer(1, DIGEST, "for this process alone");
  assert.equal(
    told.map(({ finding }) => finding?.process?.pid),
    [41, 41],
  );
  assert.is(digestOf(all.mark(alertOf(), PEER)), DIGEST);
  assert.is(digestOf(all.mark(alertOf({}, 42), PEER)), undefined);
  assert.equal(
    asked.map(({ pid }) => pid),
    [41, 42],
    "the other one is asked about in its turn",
  );
  const other = "cd".repeat(32);
  answer(2, other, "for this process alone");
  assert.is(digestOf(told.at(-1)!), other);
});

test("an answer counts once, from the agent that was asked", () => {
  const { all, told, ask, answer } = executables();
  ask(alertOf());
  assert.not(all.onAnswer({ number: 4 }, { id: 1, sha256: DIGEST, why: "" }));
  assert.not(answer(2));
  assert.ok(answer(1));
  assert.not(answer(1), "twice");
  assert.is(told.length, 1);
});

test("what an agent cannot say it is not asked again, for a while", () => {
  const { asked, told, clock, ask, answer } = executables();
  ask(alertOf());
  assert.ok(answer(1, null, "it is too large"));
  for (const pid of [41, 42]) ask(alertOf({}, pid));
  assert.is(asked.length, 1);
  clock.ms = 30_000;
  ask(alertOf());
  assert.is(asked.length, 2);
  answer(2);
  assert.is(told.length, 1);
});

test("nobody is asked for a tenant's finding, of a process or a file that is not known, or who is gone", () => {
  const { asked, ask } = executables();
  ask({ ...alertOf(), tenant: "payments" });
  ask(alertOf(), null);
  const unknown = [{ ino: null }, { dev: null }, { changed: null }, { path: null }];
  const senseless = [{ ino: 0n }, { dev: 0n }, { changed: 0n }, { changed: -1n }, { path: "" }, { path: "bin/x" }];
  for (const one of [...unknown, ...senseless]) ask(alertOf(one));
  for (const pid of [0, -1]) ask(alertOf({}, pid));
  assert.equal(asked, []);
  const gone = executables(false);
  gone.ask(alertOf());
  assert.not(gone.answer(1));
});

test("an agent that does not answer is asked no more until its questions are too old, and what it said goes with it", () => {
  const { all, asked, clock, ask, answer } = executables();
  for (let ino = 1n; ino <= 100n; ino++) ask(alertOf({ ino }));
  assert.is(asked.length, 8);
  clock.ms = 179_999;
  ask(alertOf({ ino: 101n }));
  assert.is(asked.length, 8);
  clock.ms = 180_000;
  ask(alertOf({ ino: 101n }));
  assert.is(asked.length, 9);
  assert.not(answer(1), "too late");
  assert.ok(answer(9));
  assert.is(digestOf(all.mark(alertOf({ ino: 101n }), PEER)), DIGEST);
  all.onLeft(PEER);
  assert.is(digestOf(all.mark(alertOf({ ino: 101n }), PEER)), undefined);
});

test("an agent with many programs leaves others what is known of theirs", () => {
  const { all, ask } = executables();
  const other = { number: 4 };
  ask(alertOf(), other);
  all.onAnswer(other, { id: 1, sha256: DIGEST, why: "" });
  for (let ino = 1n; ino <= 2_000n; ino++) {
    ask(alertOf({ ino }));
    all.onAnswer(PEER, { id: Number(ino) + 1, sha256: DIGEST, why: "" });
  }
  assert.is(digestOf(all.mark(alertOf(), other)), DIGEST);
  assert.is(digestOf(all.mark(alertOf({ ino: 2_000n }), PEER)), DIGEST);
  assert.is(digestOf(all.mark(alertOf({ ino: 1n }), PEER)), undefined, "its oldest are forgotten");
});

test.run();
