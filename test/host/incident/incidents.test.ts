// SPDX-License-Identifier: Apache-2.0
// Which findings are one incident: by session, lineage, process, file and address; never over tenants, agents
// and containers. What merges, what closes, how grave it is, what its timeline holds, and that all of it is
// bounded. A model with nothing but sets says the same as the real one about random findings.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Grouping, type IncidentView } from "../../../host/incident/incident.js";
import { INCIDENT_BOUNDS } from "../../../host/incident/incidents.js";
import { jointsOf } from "../../../host/incident/joints.js";
import { alertOf, findingOf, type Said, SECOND, START } from "./shared.js";

const viewsOf = (grouping: Grouping): IncidentView[] => [...grouping.all()].map(({ view }) => view);

function group(...said: Said[]): { readonly grouping: Grouping; readonly ids: string[] } {
  const grouping = new Grouping();
  const ids = said.map((one) => grouping.take(alertOf(one))!.incident!.id);
  return { grouping, ids };
}

test("findings below one process are one incident, whatever their rules", () => {
  const { grouping, ids } = group(
    { pid: 10, above: [1], rule: "A" },
    { at: 1, pid: 12, above: [11, 10, 1], rule: "B", file: 7 },
    { at: 2, pid: 13, above: [10, 1], rule: "C", remote: "203.0.113.9" },
  );
  assert.is(new Set(ids).size, 1);
  const [view] = viewsOf(grouping);
  assert.is(view!.count, 3);
  assert.equal(
    view!.rows.map(({ rule }) => rule),
    ["A", "B", "C"],
  );
});

test("the first process of a container ties nobody, unless a finding is about it", () => {
  assert.is(new Set(group({ pid: 10, above: [1] }, { pid: 20, above: [1] }).ids).size, 2);
  assert.is(new Set(group({ pid: 1, above: [] }, { pid: 20, above: [1] }).ids).size, 1);
});

test("a session, a file and an address tie; loopback and the far end of what came in do not", () => {
  const tied = (a: Said, b: Said): boolean =>
    new Set(group({ pid: 10, above: [1], ...a }, { pid: 20, above: [1], at: 1, ...b }).ids).size === 1;
  assert.ok(tied({ session: 9, above: [9] }, { session: 9, above: [15, 9] }));
  assert.not(tied({ session: 9, above: [9] }, { session: 8, above: [8] }));
  assert.ok(tied({ file: 7 }, { file: 7 }));
  assert.not(tied({ file: 7 }, { file: 8 }));
  assert.ok(tied({ remote: "203.0.113.9" }, { remote: "203.0.113.9" }));
  assert.not(tied({ remote: "127.0.0.1" }, { remote: "127.0.0.1" }));
  assert.not(tied({ remote: "203.0.113.9", isServer: true }, { remote: "203.0.113.9", isServer: true }));
});

test("two tenants, two agents and two containers share no incident, even of one event", () => {
  const said: Said = { pid: 10, above: [1], file: 7, remote: "203.0.113.9" };
  const { grouping, ids } = group(
    { ...said, tenant: "a" },
    { ...said, tenant: "b" },
    said,
    { ...said, container: "db" },
    { ...said, source: "6b".repeat(16) },
  );
  assert.is(new Set(ids).size, 5);
  assert.equal(
    viewsOf(grouping).map(({ tenant }) => tenant),
    [null, null, null, "b", "a"],
  );
});

test("a finding that joins two incidents makes them one: the older id stays, and says whom it took in", () => {
  const { grouping, ids } = group(
    { pid: 10, above: [1], file: 7 },
    { at: 1, pid: 20, above: [1], remote: "203.0.113.9", rule: "B" },
    { at: 2, pid: 30, above: [1], file: 7, rule: "C" },
    { at: 3, pid: 20, above: [1], file: 7, rule: "D" },
  );
  const [view, ...others] = viewsOf(grouping);
  assert.equal([others.length, view!.id, view!.count], [0, ids[0], 4]);
  assert.equal(view!.merged, [ids[1]]);
  assert.is(view!.rows.length, 4);
  assert.equal(grouping.stats().merged, 1);
});

test("silence and age close an incident; what the same process does later is another that names it", () => {
  const grouping = new Grouping();
  const first = grouping.take(alertOf({ at: 0 }))!.incident!.id;
  grouping.tick(START + 899n * SECOND);
  assert.is(grouping.stats().open, 1);
  grouping.tick(START + 901n * SECOND);
  assert.equal([grouping.stats().open, viewsOf(grouping)[0]!.closed], [0, "silence"]);
  const second = grouping.take(alertOf({ at: 2000 }))!.incident!.id;
  assert.is.not(second, first);
  assert.is(viewsOf(grouping)[0]!.previous, first);
  for (let at = 2000; at < 2000 + 86_401 + 600; at += 600) grouping.take(alertOf({ at }));
  assert.is(viewsOf(grouping).find(({ id }) => id === second)!.closed, "age");
});

test("the same findings give the same ids, and they are UUIDs of version 8", () => {
  const said: Said[] = [{ file: 7 }, { at: 1, pid: 20, file: 7 }, { at: 1000, pid: 10 }];
  const { ids } = group(...said);
  assert.equal(group(...said).ids, ids);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("an incident is as grave as its gravest finding, and one step more from three tactics on", () => {
  const grouping = new Grouping();
  grouping.take(alertOf({ tags: ["TA0002"] }, { priority: "Notice" }));
  grouping.take(alertOf({ rule: "B", tags: ["mitre_credential_access"] }, { priority: "Error" }));
  assert.equal([viewsOf(grouping)[0]!.severity, viewsOf(grouping)[0]!.title], ["Error", "B"]);
  grouping.take(alertOf({ rule: "C", tags: ["TA0011", "T1059"] }, { priority: "Notice" }));
  const [view] = viewsOf(grouping);
  assert.equal([view!.severity, view!.title], ["Critical", "B"]);
  assert.equal(view!.tactics, ["TA0002", "TA0006", "TA0011"]);
});

test("what its processes ran and connected to is told, also from just before; an event only once", () => {
  const grouping = new Grouping();
  const step = (at: number, pid: number, above: number[], kind: "exec" | "connect", subject: string): void =>
    grouping.step({
      ...{ kind, subject, source: "5a".repeat(16), container: "web", tid: pid },
      time: START + BigInt(at) * SECOND,
      process: { key: `${pid}@${START}`, pid, name: `p${pid}`, command: subject },
      ancestors: above.map((one) => `${one}@${START}`),
      ...{ facts: null, own: null, uid: 0, exepath: null },
    });
  step(0, 10, [1], "exec", "before");
  step(0, 30, [1], "exec", "of another");
  step(1, 10, [1], "connect", "203.0.113.9:80");
  grouping.take(alertOf({ at: 1, pid: 10 }));
  step(2, 11, [10, 1], "exec", "child");
  step(2, 12, [11, 10, 1], "exec", "child");
  step(3, 40, [1], "exec", "of another");
  const [view] = viewsOf(grouping);
  assert.equal(
    view!.rows.map(({ kind, subject, count }) => [kind, subject, count]),
    [
      ["exec", "before", 1],
      ["finding", "/bin/p10", 1],
      ["exec", "child", 2],
    ],
  );
  assert.equal(
    view!.processes.map(({ pid, parent }) => [pid, parent === null ? null : parent.split("@")[0]]),
    [
      [1, null],
      [10, "1"],
      [11, "10"],
      [12, "11"],
    ],
  );
});

test("a tenant is shown only steps that it may see", () => {
  const step = {
    ...{ kind: "exec" as const, subject: "x", source: "5a".repeat(16), container: "web", tid: 10, time: START },
    process: { key: `10@${START}`, pid: 10, name: "p", command: "x" },
    ...{ ancestors: [], facts: null, own: null, uid: 0, exepath: null },
  };
  const rowsWith = (sees: boolean): number => {
    const grouping = new Grouping({ sees: () => sees });
    grouping.take(alertOf({ tenant: "a", at: 1 }));
    grouping.step(step);
    return viewsOf(grouping)[0]!.rows.length;
  };
  assert.equal([rowsWith(true), rowsWith(false)], [2, 1]);
});

test("a flood of incidents closes the flooder's own, and no other tenant's or container's", () => {
  const bounds = { ...INCIDENT_BOUNDS, open: 20 };
  const grouping = new Grouping({ bounds });
  const own = grouping.take(alertOf({ tenant: "quiet" }))!.incident!.id;
  const grave = grouping.take(alertOf({ tenant: "loud", pid: 5 }, { priority: "Critical" }))!.incident!.id;
  for (let pid = 100; pid < 1100; pid++) grouping.take(alertOf({ tenant: "loud", pid, at: pid / 1000 }));
  const open = viewsOf(grouping).filter(({ closed }) => closed === null);
  assert.is(open.length, 20);
  assert.ok(open.some(({ id }) => id === own));
  assert.ok(open.some(({ id }) => id === grave));
});

test("a flood of findings in one incident stays within its rows, and hides no other rule", () => {
  const grouping = new Grouping();
  for (let file = 0; file < 3000; file++) grouping.take(alertOf({ at: file / 1000, file, rule: "Flood" }));
  grouping.take(alertOf({ at: 4, file: 99_999, rule: "Deed" }, { priority: "Critical" }));
  const [view] = viewsOf(grouping);
  assert.equal([view!.count, view!.rows.length, view!.leftOut.findings], [3001, 500, 2501]);
  assert.ok(view!.rows.some(({ rule }) => rule === "Deed"));
  assert.equal([view!.title, view!.severity], ["Deed", "Critical"]);
});

test("all rows together are bounded, and each incident keeps its own share", () => {
  const bounds = { ...INCIDENT_BOUNDS, rows: { total: 10, own: 2, most: 50 } };
  const grouping = new Grouping({ bounds });
  for (let file = 0; file < 100; file++) grouping.take(alertOf({ pid: 10, file, rule: `A${file % 3}` }));
  for (let file = 200; file < 300; file++) grouping.take(alertOf({ pid: 20, file, rule: "B" }));
  const rows = viewsOf(grouping).map((view) => view.rows.length);
  assert.equal(rows, [2, 12]);
});

/** Incidents as sets: each finding brings its joints, and sets that share one are one. */
function modelOf(said: readonly Said[]): Set<number>[] {
  const sets: { readonly members: Set<number>; readonly left: Set<string> }[] = [];
  for (const [i, one] of said.entries()) {
    const finding = findingOf(one);
    const { found, left } = jointsOf(finding);
    const place = JSON.stringify([finding.tenant, finding.container?.id]);
    const mine = sets.filter((set) => found.some((joint) => set.left.has(place + joint)));
    const whole = { members: new Set([i]), left: new Set(left.map((joint) => place + joint)) };
    for (const set of mine) {
      for (const member of set.members) whole.members.add(member);
      for (const joint of set.left) whole.left.add(joint);
      sets.splice(sets.indexOf(set), 1);
    }
    sets.push(whole);
  }
  return sets.map(({ members }) => members);
}

test("random findings are grouped as a model of sets groups them", () => {
  const said = fc.record({
    pid: fc.integer({ min: 2, max: 6 }),
    above: fc.constantFrom([1], [2, 1], [3, 2, 1]),
    file: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    remote: fc.option(fc.constantFrom("203.0.113.1", "203.0.113.2", "127.0.0.1"), { nil: undefined }),
    session: fc.constantFrom(0, 0, 0, 9),
    tenant: fc.constantFrom(null, "a"),
    container: fc.constantFrom("web", "db"),
  });
  fc.assert(
    fc.property(fc.array(said, { maxLength: 30 }), (all) => {
      const timed = all.map((one, at) => ({ ...one, at, rule: `R${at}` }) as Said);
      const { grouping } = group(...timed);
      const groups = viewsOf(grouping).map(({ rows }) => rows.map(({ rule }) => Number(rule!.slice(1))));
      const sorted = (sets: readonly Iterable<number>[]): string[] =>
        sets.map((set) => [...set].sort((a, b) => a - b).join(" ")).sort();
      assert.equal(sorted(groups), sorted(modelOf(timed)));
    }),
    { numRuns: 200 },
  );
});

test("outputs are told when an incident opens, at most every 10 s that it grew, that two are one, and its end", () => {
  const grouping = new Grouping({ tellsIncidents: true });
  const take = (said: Said) => grouping.take(alertOf(said))!.incident!.id;
  const news = () =>
    grouping.news().map(({ activity, incident, into }) => [activity, incident.id, incident.count, into]);
  const older = take({ pid: 10, above: [1], file: 7 });
  assert.equal(news(), [["opened", older, 1, null]]);
  take({ at: 1, pid: 10, above: [1], file: 7 });
  assert.equal(news(), [], "it was told a moment ago");
  grouping.tick(START + 12n * SECOND);
  assert.equal(news(), [["updated", older, 2, null]]);
  const younger = take({ at: 13, pid: 20, above: [1] });
  assert.equal(news(), [["opened", younger, 1, null]]);
  assert.is(take({ at: 14, pid: 20, above: [1], file: 7 }), older);
  assert.equal(news(), [["merged", younger, 1, older]]);
  const brief = take({ at: 15, pid: 30, above: [1] });
  grouping.end();
  assert.equal(news(), [
    ["closed", older, 4, null],
    ["opened", brief, 1, null],
    ["closed", brief, 1, null],
  ]);
  assert.equal(new Grouping().news(), []);
});

test.run();
