// SPDX-License-Identifier: Apache-2.0
//
// Ways around what is prevented (V1, V2): replacing the memory in which a judged argument lies, and mounting
// by a call that nobody thought of. Each beside a program that does the nearest harmless thing under the same
// rows.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ALLOWED, DENIED, prevented, type Row } from "../e2e/prevention.js";
import { answersOf, buildAttack } from "./attack.js";

const CONNECT: Row = { name: "connect", deny: "connect", to: [`${DENIED}/32`] };
const MOUNT: Row = { name: "mount", deny: "mount" };
const CHANGES = 11;

for (const tiers of ["all", "trace"] as const) {
  const flags = ["--tiers", tiers];

  test(`V1: --tiers ${tiers}: a large segment attached from below does not replace what was judged`, async () => {
    const { run } = await prevented([CONNECT], [buildAttack("segment_over"), "below", ALLOWED, DENIED], { flags });
    assert.equal(answersOf(run), { before: ALLOWED, shmat: "EPERM", after: ALLOWED, denied: "nobody" }, run.stderr);
  });

  test(`V1: --tiers ${tiers}: a program may attach the same segment over memory of its own`, async () => {
    const { run, alerts } = await prevented([CONNECT], [buildAttack("segment_over"), "own"], { flags });
    assert.equal(answersOf(run), { shmat: "ok" }, run.stderr);
    assert.equal(alerts, []);
  });

  test(`V2: --tiers ${tiers}: every call that changes mounts is denied, and each is told of`, async () => {
    const { run, alerts } = await prevented([MOUNT], [buildAttack("mount_calls"), "change"], { flags });
    const answers = answersOf(run);
    assert.is(Object.keys(answers).length, CHANGES, run.stderr);
    assert.equal(
      Object.entries(answers).filter(([, answer]) => answer !== "EPERM"),
      [],
    );
    const calls = alerts.map((alert) => String(alert.output_fields["evt.arg.call"])).sort();
    assert.equal(calls, Object.keys(answers).sort());
  });

  test(`V2: --tiers ${tiers}: looking at mounts, and opening a place, is free`, async () => {
    const { run, alerts } = await prevented([MOUNT], [buildAttack("mount_calls"), "look"], { flags });
    assert.equal(answersOf(run), { open_tree: "ok", statfs: "ok", openat: "ok" }, run.stderr);
    assert.equal(alerts, []);
  });
}

test.run();
