// SPDX-License-Identifier: Apache-2.0
//
// What each store must do, whoever implements it: one suite, run against all.

import type { Test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { PRIORITIES } from "../../../host/finding/priority.js";
import type { Alert } from "../../../host/output/alert.js";
import type { FindingQuery, Store, StoredIncident, StoreLimits } from "../../../host/store/store.js";
import { alertOf, type Said } from "../incident/shared.js";

const NOW = BigInt(Date.now()) * 1_000_000n;
const WRITTEN_MS_MAX = 60_000;
export const HOUR = 3_600_000_000_000n;

/** An alert of a finding some seconds ago. */
export function told(ago: number, said: Said = {}, more: Partial<Alert> = {}): Alert {
  const alert = alertOf({ pid: 100_000 - ago, ...said }, more);
  const time = NOW - BigInt(ago) * 1_000_000_000n;
  const finding = { ...alert.finding!, event: { ...alert.finding!.event, time } };
  return { ...alert, time, finding };
}

/** An incident as it would be told. */
export function incident(id: string, more: Partial<StoredIncident> = {}): StoredIncident {
  const { title = `Incident ${id}`, tenant = "" } = more;
  const doc = JSON.stringify({ id, title, tenant, state: "open", rows: [{ text: "a row" }], processes: [] });
  return {
    ...{ id, tenant, severity: 4, isOpen: true, into: null, title, container: "web", tags: ["T1003"] },
    ...{ first: String(NOW - HOUR), last: String(NOW), doc },
    ...more,
  };
}

/** Resolves when all that was told is written: flush() itself waits for a second at most. */
export async function written(store: Store): Promise<void> {
  for (const until = performance.now() + WRITTEN_MS_MAX; store.stats().queued > 0; ) {
    if (performance.now() > until) throw new Error(`expected: an empty queue; got: ${JSON.stringify(store.stats())}`);
    await store.flush();
  }
}

/** The rules of the findings that a query gives, page by page. */
export async function rulesOf(
  store: Store,
  owner: string | null,
  query: Partial<FindingQuery> = {},
): Promise<string[]> {
  const rules: string[] = [];
  let before: string | null = null;
  do {
    const page = await store.page(owner, { limit: 1_000, ...query, before });
    for (const item of page.items) rules.push((JSON.parse(item) as { alert: { rule: string } }).alert.rule);
    before = page.next;
  } while (before !== null);
  return rules;
}

/** Of a page of incidents. */
export const idsOf = (items: readonly string[]): string[] =>
  items.map((item) => (JSON.parse(item) as { id: string }).id);

/** Adds the tests. `open` gives a new, empty store, which the suite closes. */
export function testStore(test: Test, open: (limits?: StoreLimits) => Promise<Store>): void {
  async function using(work: (store: Store) => Promise<void>, limits?: StoreLimits): Promise<void> {
    const store = await open(limits);
    try {
      await work(store);
    } finally {
      await store.close();
    }
  }

  test("findings come the newest first, page by page, and each once", () =>
    using(async (store) => {
      for (const ago of [3, 1, 2, 5, 4]) store.append(told(ago, { rule: `${ago} s ago` }));
      store.append(told(3, { rule: "3 s ago" })); // told twice
      await written(store);
      const all = ["1 s ago", "2 s ago", "3 s ago", "4 s ago", "5 s ago"];
      assert.equal(await rulesOf(store, null), all);
      for (const limit of [1, 2, 5]) assert.equal(await rulesOf(store, null, { limit }), all, `pages of ${limit}`);
      const { next, after } = await store.page(null, { limit: 5, before: null });
      assert.is(next, null);
      assert.is(after.length, 5);
      for (const [index, before] of after.entries())
        assert.equal(
          (await store.page(null, { limit: 5, before })).items.map((item) => JSON.parse(item).alert.rule),
          all.slice(index + 1),
          "a page begins behind each of them",
        );
    }));

  test("a finding is what was told of it, and its times are texts", () =>
    using(async (store) => {
      store.append(told(1, {}, { incident: { id: "i", count: 1, first: NOW, last: NOW } }));
      await written(store);
      const { items } = await store.page(null, { limit: 1, before: null });
      const found = JSON.parse(items[0]!);
      assert.equal(Object.keys(found), ["seq", "incident", "alert", "finding"]);
      assert.is(found.incident, "i");
      assert.is(found.alert.output_fields["evt.time"], String(NOW - 1_000_000_000n));
      assert.equal(await rulesOf(store, null, { incident: "i" }), ["Rule"]);
      assert.equal(await rulesOf(store, null, { incident: "j" }), []);
    }));

  test("each filter narrows, alone and with others", () =>
    using(async (store) => {
      store.append(told(1, { rule: "read", container: "web", tenant: "a" }, { output: "cat read /etc/shadow" }));
      store.append(told(2, { rule: "read", container: "db" }, { priority: "Critical", output: "vi read /etc/hosts" }));
      store.append(told(3, { rule: "write", container: "web", tenant: "b" }, { priority: "Notice" }));
      store.append(told(4_000, { rule: "old", container: "web" }));
      await written(store);
      const hourAgo = NOW - HOUR;
      for (const [query, rules] of [
        [{ rule: "read" }, ["read", "read"]],
        [{ rule: "nothing" }, []],
        [{ tenant: "a" }, ["read"]],
        [{ tenant: "a", rule: "write" }, []],
        [{ container: "web" }, ["read", "write", "old"]],
        [{ container: "web", rule: "read" }, ["read"]],
        [{ priority: PRIORITIES.indexOf("Critical") }, ["read"]],
        [{ priority: PRIORITIES.indexOf("Notice") }, ["read", "read", "write", "old"]],
        [{ since: hourAgo }, ["read", "read", "write"]],
        [{ until: hourAgo }, ["old"]],
        [{ since: hourAgo, until: NOW - 2_000_000_000n }, ["write"]],
        [{ text: "shadow" }, ["read"]],
        [{ text: "/etc/sha" }, ["read"]],
        [{ text: "READ etc" }, ["read", "read"]],
        [{ text: "etc", rule: "read", container: "db" }, ["read"]],
        [{ text: "etc", until: hourAgo }, []],
      ] as const)
        for (const limit of [1, 100])
          assert.equal(
            await rulesOf(store, null, { ...query, limit }),
            [...rules],
            `${JSON.stringify(Object.entries(query).map(String))} by ${limit}`,
          );
    }));

  test("a tenant sees its own, whatever it asks for", () =>
    using(async (store) => {
      store.append(told(1, { rule: "a's", tenant: "a" }, { output: "secret" }));
      store.append(told(2, { rule: "b's", tenant: "b" }, { output: "secret" }));
      store.append(told(3, { rule: "ours" }, { output: "secret" }));
      store.keep(incident("ia", { tenant: "a" }));
      store.keep(incident("ib", { tenant: "b" }));
      store.keep(incident("io"));
      store.keep(incident("im", { tenant: "a", into: "ib" }));
      await written(store);
      for (const query of [{}, { text: "secret" }, { container: "web" }, { priority: 7 }])
        assert.equal(await rulesOf(store, "a", query), ["a's"]);
      for (const query of [{ tenant: "b" }, { rule: "b's" }, { rule: "ours" }, { tenant: "" }])
        assert.equal(await rulesOf(store, "a", query), [], JSON.stringify(query));
      assert.equal(await rulesOf(store, "nobody"), []);
      assert.equal(idsOf((await store.incidents("a", { limit: 9, before: null })).items), ["ia"]);
      assert.equal((await store.incidents("a", { limit: 9, before: null, tenant: "b" })).items, []);
      assert.equal((await store.incidents("nobody", { limit: 9, before: null })).items, []);
      for (const id of ["ib", "io", "im", "none"]) assert.is(await store.incident("a", id), null, id);
      assert.ok(await store.incident("a", "ia"));
      assert.is(await store.decide("a", "ib", { case: "closed" }, "a"), false);
      assert.is(await store.decide("nobody", "ib", { case: "closed" }, "nobody"), false);
      assert.is(await store.decide("b", "ib", { case: "closed" }, "b"), true);
      assert.is((await store.audit("a", { limit: 9, incident: null })).items.length, 0);
      assert.is((await store.audit("b", { limit: 9, incident: "ib" })).items.length, 1);
      const { open, findings, containers, rules, held } = await store.overview("a", 24);
      assert.equal(open, { Warning: 1 });
      assert.equal(
        findings.map(({ counts }) => counts),
        [{ Warning: 1 }],
      );
      assert.equal([containers, rules], [[{ container: "web", count: 1 }], [{ rule: "a's", count: 1 }]]);
      assert.equal(held, { findings: 1, incidents: 1 });
    }));

  test("a tenant finds its own among others with the same words, and the operator finds all", () =>
    using(async (store) => {
      const names = Array.from({ length: 30 }, (_, i) => `tenant ${i}`);
      for (const [i, tenant] of [...names, null].entries())
        store.append(told(i, { rule: `of ${tenant}`, tenant, pid: i }, { output: "Ünïque secret /etc/shadow" }));
      await written(store);
      for (const text of ["secret", "unique /etc/sha", "shadow ÜNÏQUE"]) {
        for (const tenant of names) {
          assert.equal(await rulesOf(store, tenant, { text }), [`of ${tenant}`], text);
          assert.equal(await rulesOf(store, null, { text, tenant }), [`of ${tenant}`], text);
        }
        for (const limit of [1, 7, 100]) assert.is((await rulesOf(store, null, { text, limit })).length, 31);
        assert.equal(await rulesOf(store, null, { text, tenant: "" }), ["of null"]);
      }
      // What the store keeps words as is nothing that could be asked for.
      for (let number = 1; number < 100; number++)
        assert.equal(await rulesOf(store, "tenant 3", { text: `t${number}xsecret` }), []);
      for (const text of ["secret/etc", "shadow/etc"])
        assert.equal(await rulesOf(store, "tenant 3", { text }), text === "secret/etc" ? ["of tenant 3"] : []);
    }));

  test("what was typed is searched as words, whatever it says", () =>
    using(async (store) => {
      store.append(told(1, { rule: "plain" }, { output: "a word" }));
      await written(store);
      for (const text of [
        '"',
        '""',
        '" OR "',
        "NEAR(a b)",
        "words : a",
        "a AND",
        "NOT word",
        "a*b",
        "^word -- ;",
        "\u0000a",
        "'; DROP TABLE finding",
        "(((",
        "𝔞".repeat(5_000),
        "*",
        "a".repeat(10_000),
      ])
        assert.type(
          (await store.page(null, { limit: 9, before: null, text })).items.length,
          "number",
          text.slice(0, 20),
        );
      assert.equal(await rulesOf(store, null, { text: "a WORD" }), ["plain"]);
      assert.equal(await rulesOf(store, null, { text: "..." }), [], "no word, no row");
      for (const before of ["x", "LTEuMQ", Buffer.from("9999999999999999999.1").toString("base64url"), ""])
        assert.equal((await store.page(null, { limit: 9, before })).items.length <= 1, true);
    }));

  test("an incident is as it was told last, what people decided stays, and who decided is written down", () =>
    using(async (store) => {
      store.keep(incident("one"));
      await written(store);
      assert.is(
        await store.decide(null, "one", { case: "closed", verdict: "false_positive", note: "a test" }, "ann"),
        true,
      );
      store.keep(incident("one", { severity: 2, title: "Graver" }));
      store.keep(incident("two", { severity: 6 }));
      await written(store);
      const one = JSON.parse((await store.incident(null, "one"))!) as Record<string, Record<string, unknown>>;
      assert.is(one.title, "Graver");
      assert.ok(one.rows);
      const { at, ...decided } = one.case!;
      assert.type(at, "string");
      assert.equal(decided, { state: "closed", verdict: "false_positive", note: "a test", by: "ann" });
      const listed = async (query: object) =>
        idsOf((await store.incidents(null, { limit: 9, before: null, ...query })).items);
      assert.equal(await listed({}), ["two", "one"]);
      assert.equal(await listed({ case: "open" }), ["two"]);
      assert.equal(await listed({ case: "closed" }), ["one"]);
      assert.equal(await listed({ severity: 2 }), ["one"]);
      assert.equal(await listed({ text: "GRAV" }), ["one"]);
      assert.equal(await listed({ text: "t1003" }), ["two", "one"]);
      assert.equal(await listed({ container: "db" }), []);
      const [brief] = (await store.incidents(null, { limit: 1, before: null })).items;
      assert.not.ok("rows" in (JSON.parse(brief!) as object), "a list has no timelines");
      assert.is(await store.decide(null, "one", { case: "open" }, "bob"), true);
      assert.is(JSON.parse((await store.incident(null, "one"))!).case.verdict, null);
      const audit = (await store.audit(null, { limit: 9, incident: "one" })).items.map((row) => JSON.parse(row));
      assert.equal(
        audit.map(({ who, detail }) => [who, detail]),
        [
          ["bob", { case: "open" }],
          ["ann", { case: "closed", verdict: "false_positive", note: "a test" }],
        ],
      );
    }));

  test("of one who decides for ever the newest 1,000 acts are kept, and none that changed nothing", () =>
    using(async (store) => {
      for (const [id, tenant] of [
        ["own", "loud"],
        ["other", "quiet"],
      ] as const)
        store.keep(incident(id, { tenant }));
      await written(store);
      const acts = async (owner: string | null, id: string) =>
        (await store.audit(owner, { limit: 2_000, incident: id })).items.map((item) => JSON.parse(item).detail.note);
      assert.is(await store.decide(null, "own", { note: "the operator's" }, "operator"), true);
      assert.is(await store.decide("quiet", "other", { note: "quiet" }, "quiet"), true);
      for (let i = 0; i < 1_010; i++) await store.decide("loud", "own", { note: `${i}` }, "loud");
      for (let i = 0; i < 20; i++) assert.is(await store.decide("loud", "own", { note: "1009" }, "loud"), true);
      const kept = await acts("loud", "own");
      assert.equal([kept.length, kept[0], kept.at(-2), kept.at(-1)], [1_001, "1009", "10", "the operator's"]);
      assert.equal(await acts(null, "other"), ["quiet"]);
    }));

  test("acts come page by page, the newest first", () =>
    using(async (store) => {
      store.keep(incident("one"));
      await written(store);
      for (const note of ["1", "2", "3"]) await store.decide(null, "one", { note }, "ann");
      const notes: string[] = [];
      let before: string | null = null;
      do {
        const page = await store.audit(null, { limit: 2, incident: null, before });
        notes.push(...page.items.map((item) => (JSON.parse(item) as { detail: { note: string } }).detail.note));
        before = page.next;
      } while (before !== null);
      assert.equal(notes, ["3", "2", "1"]);
    }));

  test("a tenant that asks without end waits for itself alone", () =>
    using(async (store) => {
      const query = { limit: 9, before: null };
      const code = (error: unknown): string => (error as VedetteError).code;
      const asked = Array.from({ length: 20 }, () => store.page("loud", query).then(() => "answered", code));
      await Promise.all([store.page("quiet", query), store.page(null, query)]);
      const answers = await Promise.all(asked);
      const refused = answers.filter((answer) => answer === "VEDETTE_STORE_BUSY").length;
      assert.ok(refused >= 15, `4 wait, and one is looked for: ${answers}`);
      assert.is(answers.filter((answer) => answer === "answered").length, 20 - refused);
    }));

  test("incidents come page by page, and one that became a part of another is found as that", () =>
    using(async (store) => {
      for (const id of ["a", "b", "c"]) store.keep(incident(id));
      store.keep(incident("b", { into: "c" }));
      await written(store);
      const first = await store.incidents(null, { limit: 1, before: null });
      const second = await store.incidents(null, { limit: 1, before: first.next });
      assert.equal([...idsOf(first.items), ...idsOf(second.items)], ["c", "a"]);
      assert.is(second.next, null);
      assert.is(JSON.parse((await store.incident(null, "b"))!).id, "c");
      assert.is(await store.decide(null, "b", { note: "told of b" }, "ann"), true);
      assert.is(JSON.parse((await store.incident(null, "c"))!).case.note, "told of b");
    }));

  test("the overview counts by time, priority, container and rule", () =>
    using(async (store) => {
      for (let i = 0; i < 5; i++) store.append(told(i, { rule: "often", container: "web" }));
      store.append(told(1, { rule: "grave", container: "db" }, { priority: "Critical" }));
      store.append(told(100_000, { rule: "long ago", container: "db" }));
      store.keep(incident("one", { severity: 2 }));
      await written(store);
      const { open, findings, stepSeconds, containers, rules, held } = await store.overview(null, 24);
      assert.equal(open, { Critical: 1 });
      const sum = (priority: string) => findings.reduce((all, { counts }) => all + (counts[priority] ?? 0), 0);
      assert.equal([sum("Warning"), sum("Critical"), stepSeconds], [5, 1, 600]);
      assert.ok(findings.length <= 145);
      assert.equal(rules, [
        { rule: "often", count: 5 },
        { rule: "grave", count: 1 },
      ]);
      assert.equal(containers, [
        { container: "web", count: 5 },
        { container: "db", count: 1 },
      ]);
      assert.equal(held, { findings: 7, incidents: 1 });
    }));

  test("what is too old goes, and where it is too much the tenant that has most loses its own", () =>
    using(
      async (store) => {
        store.append(told(40 * 86_400, { rule: "40 days ago" }));
        for (let i = 0; i < 50; i++) store.append(told(1_000 + i, { rule: "quiet", tenant: "quiet" }));
        for (let i = 0; i < 3_000; i++) store.append(told(i, { rule: "flood", tenant: "loud", pid: 5_000 + i }));
        await written(store);
        store.append(told(0, { rule: "ours" })); // what is deleted goes behind a batch
        await written(store);
        assert.equal(await rulesOf(store, null, { rule: "40 days ago" }), []);
        assert.is((await rulesOf(store, "quiet")).length, 50);
        const left = (await rulesOf(store, "loud")).length;
        assert.ok(left <= 1_000 && left >= 400, `at most 1,000 in all, deleted 500 at a time; it has ${left}`);
        const { held } = await store.overview(null, 24);
        assert.ok(held.findings <= 1_000, `it holds ${held.findings}`);
      },
      { findings: 1_000, bytes: 64 << 20, days: 30 },
    ));

  test("what it was told and its losses are counted as those of any output", () =>
    using(async (store) => {
      store.append(told(1));
      await written(store);
      const { kind, state, queued, sent, dropped, lastError } = store.stats();
      assert.equal([kind, state, queued, sent, lastError], ["store", "ok", 0, 1, null]);
      assert.equal(Object.values(dropped), [0, 0, 0, 0]);
      for (let i = 0; i < 20_000; i++) store.append(told(i, { pid: i }));
      assert.ok(store.stats().dropped.full > 0, "the queue is bounded");
    }));
}
