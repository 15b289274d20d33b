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
  const all = new Executables<{ readonly number: number }>((_peer, request) => {
    if (isThere) asked.push(request);
    return isThere;
  });
  return { all, asked };
}

/** Of a process that began ten seconds behind the epoch. */
function alertOf(more: Partial<NonNullable<Finding["executable"]>> = {}, pid = 41): Alert {
  const process = { ...FINDING.process!, pid, started: 10_000_000_000n };
  const executable = { path: "/usr/bin/curl", ino: 7n, dev: 8n, changed: OLD, isOfImage: true, ...more };
  return { ...ALERT, finding: { ...FINDING, process, executable } };
}
const digestOf = ({ finding }: Alert): string | undefined => finding?.executable?.sha256;

test("the first finding about a program asks its agent once, and later ones of the same file have the digest", () => {
  const { all, asked } = executables();
  for (const pid of [41, 42]) all.ask(all.mark(alertOf({}, pid), PEER), PEER);
  assert.equal(asked, [
    { id: 1, pid: 41, started: 10_000_000_000n, dev: 8n, ino: 7n, changed: OLD, path: "/usr/bin/curl" },
  ]);
  const { told, isAsked } = all.onAnswer(PEER, { id: 1, sha256: DIGEST, why: "" });
  assert.equal([digestOf(told!), isAsked], [DIGEST, true]);
  assert.is(digestOf(all.mark(alertOf({}, 43), PEER)), DIGEST);
  for (const other of [{ ino: 9n }, { dev: 9n }, { changed: OLD + 1n }])
    assert.is(digestOf(all.mark(alertOf(other), PEER)), undefined, "another file");
  assert.is(digestOf(all.mark(alertOf(), { number: 4 })), undefined, "another agent");
});

test("of a file that changed just before the process began, a digest holds for that process alone", () => {
  const { all } = executables();
  const fresh = { changed: 9_900_000_000n };
  all.ask(alertOf(fresh), PEER);
  all.onAnswer(PEER, { id: 1, sha256: DIGEST, why: "" });
  assert.is(digestOf(all.mark(alertOf(fresh), PEER)), DIGEST);
  assert.is(digestOf(all.mark(alertOf(fresh, 42), PEER)), undefined);
});

test("an answer counts once, from the agent that was asked, and one without a digest is forgotten", () => {
  const { all, asked } = executables();
  all.ask(alertOf(), PEER);
  assert.is(all.onAnswer({ number: 4 }, { id: 1, sha256: DIGEST, why: "" }).isAsked, false);
  assert.is(all.onAnswer(PEER, { id: 2, sha256: DIGEST, why: "" }).isAsked, false);
  assert.equal(all.onAnswer(PEER, { id: 1, sha256: null, why: "it is too large" }), { told: null, isAsked: true });
  assert.is(all.onAnswer(PEER, { id: 1, sha256: DIGEST, why: "" }).isAsked, false, "twice");
  all.ask(all.mark(alertOf(), PEER), PEER);
  assert.is(asked.length, 2, "asked again");
});

test("nobody is asked for a tenant's finding, of a process or a file that is not known, or who is gone", () => {
  const { all, asked } = executables();
  all.ask({ ...alertOf(), tenant: "payments" }, PEER);
  all.ask(alertOf(), null);
  for (const unknown of [{ ino: null }, { dev: null }, { changed: null }, { path: null }])
    all.ask(alertOf(unknown), PEER);
  assert.equal(asked, []);
  const gone = executables(false);
  gone.all.ask(alertOf(), PEER);
  assert.is(gone.all.onAnswer(PEER, { id: 1, sha256: DIGEST, why: "" }).isAsked, false);
});

test("an agent that does not answer is asked no more, and what it said goes with it", () => {
  const { all, asked } = executables();
  for (let ino = 0n; ino < 100n; ino++) all.ask(alertOf({ ino }), PEER);
  assert.is(asked.length, 8);
  all.onAnswer(PEER, { id: 1, sha256: DIGEST, why: "" });
  all.onLeft(PEER);
  assert.is(digestOf(all.mark(alertOf({ ino: 0n }), PEER)), undefined);
  assert.is(all.onAnswer(PEER, { id: 2, sha256: DIGEST, why: "" }).isAsked, false);
});

test.run();
