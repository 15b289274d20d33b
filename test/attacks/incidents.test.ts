// SPDX-License-Identifier: Apache-2.0
//
// Attacks on the grouping of findings (docs/threat-model.md, H20 to H22). The attacker is a process of the
// workload: it chooses what it does, to which files, how often, and in which of its own sessions.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { takeFinding } from "../../host/finding/finding.js";
import { Grouping, type IncidentView } from "../../host/incident/incident.js";
import type { Alert } from "../../host/output/alert.js";
import { openBatch } from "../../host/wire/batch.js";
import { alertOf } from "../host/incident/shared.js";
import { BatchBuilder } from "../host/wire/builder.js";

const viewsOf = (grouping: Grouping): IncidentView[] => [...grouping.all()].map(({ view }) => view);
/** Far above what is kept: garbage counts until it is collected. */
const ALL_MIB_MAX = 500;
/** More than may be open and kept. */
const FLOOD = 4_000;

test("H20: a flood of incidents takes bounded memory, and closes neither another tenant's nor another container's", () => {
  const grouping = new Grouping();
  const quiet = grouping.take(alertOf({ container: "quiet" }))!.incident!.id;
  const tenant = grouping.take(alertOf({ tenant: "quiet" }))!.incident!.id;
  const name = "n".repeat(4000);
  for (let i = 0; i < FLOOD; i++)
    grouping.take(alertOf({ pid: i + 100, at: i / 1000, rule: `R${i % 50}` }, { output: `${name}${i} | x` }));
  const { open, closed } = grouping.stats();
  assert.ok(open <= 1000, `${open} are open`);
  assert.ok(closed.room! > 0);
  const views = viewsOf(grouping);
  for (const id of [quiet, tenant]) assert.is(views.find((view) => view.id === id)?.closed, null);
  assert.ok(views.length <= 2_000, `${views.length} are kept`);
  const mib = process.memoryUsage().heapUsed / (1 << 20);
  assert.ok(mib < ALL_MIB_MAX, `${mib.toFixed(0)} MiB`);
});

test("H21: touching a file of somebody else's incident joins it, and neither lessens it nor hides its rows", () => {
  const grouping = new Grouping();
  const deed = (rule: string, at: number): Alert => alertOf({ pid: 10, file: 7, rule, at }, { priority: "Critical" });
  grouping.take(deed("Deed", 0));
  for (let i = 0; i < 2_000; i++)
    grouping.take(alertOf({ pid: 500 + i, file: 7, at: 1 + i / 1000, rule: "Noise" }, { priority: "Debug" }));
  grouping.take(deed("Later deed", 10));
  const [view, ...others] = viewsOf(grouping);
  assert.is(others.length, 0);
  assert.equal([view!.severity, view!.title, view!.count], ["Critical", "Deed", 2_002]);
  const rules = new Set(view!.rows.map(({ rule }) => rule));
  assert.ok(rules.has("Deed") && rules.has("Later deed"));
});

test("H22: a session of one's own (setsid) makes no other incident, and no session of an outsider's", () => {
  const builder = new BatchBuilder();
  const first = builder.process({ pid: 1, name: "app", start_time: 1n });
  const shell = builder.process({ pid: 10, name: "sh", start_time: 2n, sid: 10, session: 0, parent: first });
  const away = builder.process({ pid: 11, name: "sh", start_time: 3n, sid: 11, session: 0, parent: shell });
  for (const process of [shell, away]) builder.record("openat", { process, params: { name: "/x" } });
  const batch = openBatch(builder.bytes());
  const whose = { policy: "p", version: "1", rule: "r", tenant: null, tags: [] };
  const grouping = new Grouping();
  const ids = [...batch.offsets].map((at) => {
    const finding = takeFinding(batch, at, whose);
    assert.is(finding.process!.session, 0);
    return grouping.take({ ...alertOf(), finding })!.incident!.id;
  });
  assert.is(new Set(ids).size, 1);
});

test.run();
