// SPDX-License-Identifier: Apache-2.0
// Counts of findings by process and container: whose they are, and what is said of those that were forgotten.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Found, KEYS_MAX } from "../../../host/control/found.js";
import { findingKey } from "../../../host/control/process-key.js";
import { OPERATOR, type Viewer } from "../../../host/control/viewer.js";
import { alertOf } from "../incident/shared.js";

const viewerOf = (name: string): Viewer => ({
  kind: "tenant",
  mayAct: true,
  name,
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
});
const NO_INCIDENT = { id: "", count: 1, first: 1n, last: 1n };
const about = (tenant: string | null, pid: number, incident?: string) => {
  const alert = alertOf({ tenant, pid, file: 1 });
  return incident === undefined ? alert : { ...alert, incident: { ...NO_INCIDENT, id: incident } };
};
const keyOf = (tenant: string | null, pid: number): string => findingKey(about(tenant, pid).finding!)!;

test("the operator is told of all findings about a process, and a tenant of his own", () => {
  const found = new Found();
  for (const tenant of [null, null, "a", "b"]) found.add(about(tenant, 7));
  const key = keyOf(null, 7);
  assert.is(found.ofProcess(OPERATOR, key).findings, 4);
  assert.is(found.ofProcess(viewerOf("a"), key).findings, 1);
  assert.is(found.ofProcess(viewerOf("c"), key).findings, 0);
  assert.is(found.ofProcess(OPERATOR, keyOf(null, 8)).findings, 0);
});

test("the incident is that of the newest finding that has one, whoever's rule found it", () => {
  const found = new Found();
  for (const [tenant, incident] of [
    ["a", "of a"],
    [null, "the operator's"],
    ["b", undefined],
  ] as const)
    found.add(about(tenant, 7, incident));
  const key = keyOf(null, 7);
  assert.is(found.ofProcess(OPERATOR, key).incident, "the operator's");
  assert.is(found.ofProcess(viewerOf("a"), key).incident, "of a");
});

test("whoever floods forgets his own, which is told as not known; others' counts stay, for them and the operator", () => {
  const found = new Found();
  for (const tenant of [null, "b"]) found.add(about(tenant, 7));
  for (let pid = 100; pid < 100 + KEYS_MAX; pid++) found.add(about("a", pid));
  const first = keyOf("a", 100);
  const last = keyOf("a", 99 + KEYS_MAX);
  assert.is(found.ofProcess(OPERATOR, keyOf(null, 7)).findings, 2);
  assert.is(found.ofProcess(viewerOf("b"), keyOf("b", 7)).findings, 1);
  assert.equal(found.ofProcess(viewerOf("a"), first), { findings: null, incident: null });
  assert.is(found.ofProcess(OPERATOR, first).findings, null, "to the operator it is not known, either");
  assert.is(found.ofProcess(viewerOf("b"), first).findings, 0, "of b nothing was forgotten");
  const younger = first.replace(/@.*/, `@${about("a", 1).finding!.event.time + 1n}`);
  assert.is(found.ofProcess(OPERATOR, younger).findings, 0, "it began after what was forgotten");
  assert.is(found.ofProcess(viewerOf("a"), last).findings, 1);
});

test.run();
