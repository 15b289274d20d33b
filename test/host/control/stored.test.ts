// SPDX-License-Identifier: Apache-2.0
// What the control API has from the store, page by page, and what people do there.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DoorOptions, makeDoor } from "../../../host/control/server.js";
import { OPERATOR, type Viewer } from "../../../host/control/viewer.js";
import type { Scope } from "../../../host/engine/scope.js";
import { ask, tell } from "../../ask.js";
import { until } from "../../until.js";
import { told } from "../store/store-suite.js";
import { alert, closeAll, newPath, opened, stored, TENANTS, tenantsOf } from "./door.js";

test.after.each(closeAll);

test("findings come the newest first, page by page, and a tenant has its own", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  for (const tenant of [undefined, "a", "b", "a"]) control.onAlert(alert(`of ${tenant ?? "us"}`, tenant));
  await stored(control);
  const rules = async (socket: string, query = "") => {
    const { items, next } = (await ask(socket, `/api/v1/findings${query}`)).json;
    return [items.map((one: { alert: { rule: string } }) => one.alert.rule), next];
  };
  assert.equal(await rules(path), [["of a", "of b", "of a", "of us"], null]);
  assert.equal(await rules(`${path}.a`), [["of a", "of a"], null]);
  const [first, next] = await rules(path, "?limit=3");
  assert.equal(first, ["of a", "of b", "of a"]);
  assert.equal(await rules(path, `?limit=3&before=${next}`), [["of us"], null]);
  assert.equal(await rules(path, "?tenant=b"), [["of b"], null]);
  assert.equal(await rules(path, `?rule=${encodeURIComponent("of us")}&text=output&priority=Warning`), [
    ["of us"],
    null,
  ]);
  assert.equal(await rules(path, "?until=2020-01-01T00:00:00Z"), [[], null]);
});

test("findings are asked with a condition, page by page, and the answer says how many it looked at", async () => {
  const path = newPath();
  const control = await opened({ control: path }, tenantsOf(TENANTS));
  // One in ten is of pid 7, and every other is a's; the oldest is told first.
  for (let i = 400; i > 0; i--)
    control.onAlert(told(i, { rule: `${i}`, pid: i % 10 === 0 ? 7 : 1_000 + i, tenant: i % 2 === 0 ? "a" : null }));
  await stored(control);
  const asked = async (socket: string, condition: string, query = "") => {
    const { json } = await ask(socket, `/api/v1/findings?condition=${encodeURIComponent(condition)}${query}`);
    return { ...json, rules: json.items.map((one: { alert: { rule: string } }) => Number(one.alert.rule)) };
  };
  // All that there are, and how many were looked at: one answer may end before, where the machine is busy.
  const askedAll = async (socket: string, condition: string, query = ""): Promise<[number[], number]> => {
    const rules: number[] = [];
    for (let [page, looked] = [await asked(socket, condition, query), 0]; ; ) {
      rules.push(...page.rules);
      looked += page.looked;
      assert.is(page.complete, page.next === null, "what has a next page was not looked through");
      if (page.next === null) return [rules, looked];
      page = await asked(socket, condition, `${query}&before=${page.next}`);
    }
  };
  const tens = Array.from({ length: 40 }, (_, i) => 10 * (i + 1));
  assert.equal(await askedAll(path, "proc.pid = 7 and evt.type = openat"), [tens, 400]);
  const paged: number[] = [];
  let [next, looked] = ["", 0];
  do {
    const page = await asked(path, "proc.pid = 7", `&limit=3${next === "" ? "" : `&before=${next}`}`);
    assert.ok(page.rules.length <= 3);
    paged.push(...page.rules);
    looked += page.looked;
    next = page.next ?? "";
  } while (next !== "");
  assert.equal([paged, looked], [tens, 400], "each is looked at once");
  const [own, ofOwn] = await askedAll(`${path}.a`, "proc.pid exists", "&limit=1000");
  assert.equal([ofOwn, own.every((rule) => rule % 2 === 0)], [200, true]);
  assert.equal((await askedAll(path, "proc.name = p7", "&rule=20"))[0], [20], "with another filter");
  assert.equal(await askedAll(path, "proc.name = nobody"), [[], 400]);
  assert.is((await ask(path, "/api/v1/findings?limit=1")).json.looked, null);
  for (const [condition, said] of [
    ["proc.name =", /VEDETTE_FALCO_CONDITION/],
    ["proc.env contains x", /proc\.env is not kept .*proc\.name/],
    ["x".repeat(4_097), /condition/],
  ] as const) {
    const { status, text } = await ask(path, `/api/v1/findings?condition=${encodeURIComponent(condition)}`);
    assert.is(status, 400, text);
    assert.match(text, said);
  }
});

test("incidents come the newest first, page by page, and a tenant has its own", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const tenants = async (socket: string, query = "") => {
    const { items, next } = (await ask(socket, `/api/v1/incidents${query}`)).json;
    return [items.map(({ tenant }: { tenant: string | null }) => tenant), next];
  };
  assert.equal((await tenants(path))[0].toSorted(), ["a", "b", null]);
  assert.equal(await tenants(`${path}.a`), [["a"], null]);
  const [first, next] = await tenants(path, "?limit=2");
  const [rest, none] = await tenants(path, `?limit=2&before=${next}`);
  assert.equal([[...first, ...rest].toSorted(), none], [["a", "b", null], null]);
});

test("a person closes an incident, which is written down; a tenant has no hand in another's", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const idOf = async (tenant: string | null): Promise<string> =>
    (await ask(path, "/api/v1/incidents")).json.items.find((one: { tenant: unknown }) => one.tenant === tenant).id;
  const [ours, as, bs] = [await idOf(null), await idOf("a"), await idOf("b")];
  const decide = async (socket: string, id: string, body: unknown): Promise<number> => {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    return (await ask(socket, `/api/v1/incidents/${id}`, { method: "POST", headers }, text)).status;
  };
  const closed = { state: "closed", verdict: "false_positive", note: "<b>a test</b>" };
  assert.is(await decide(path, ours, closed), 204);
  assert.is(await decide(`${path}.a`, as, { note: "mine" }), 204);
  for (const id of [ours, bs, "none", "%27"]) assert.is(await decide(`${path}.a`, id, closed), 404, id);
  for (const body of [
    {},
    { state: "gone" },
    { verdict: 1 },
    { note: "x".repeat(2_001) },
    { exception: true },
    [],
    null,
    "x",
  ])
    assert.is(await decide(path, ours, body), 400, JSON.stringify(body));
  const { case: decided, history, rows } = (await ask(path, `/api/v1/incidents/${ours}`)).json;
  assert.equal(
    [decided.state, decided.verdict, decided.note, decided.by],
    ["closed", "false_positive", "<b>a test</b>", "operator"],
  );
  assert.equal(
    history.map(({ who, detail }: { who: string; detail: object }) => [who, detail]),
    [["operator", { verdict: "false_positive", note: "<b>a test</b>", case: "closed" }]],
  );
  assert.ok(rows.length > 0);
  assert.is((await ask(`${path}.a`, `/api/v1/incidents/${ours}`)).status, 404);
  assert.is((await ask(`${path}.a`, `/api/v1/incidents/${bs}`)).status, 404);
  assert.equal(
    (await ask(`${path}.a`, "/api/v1/audit")).json.items.map(({ who }: { who: string }) => who),
    ["a"],
  );
  assert.equal((await ask(path, "/api/v1/incidents?case=open")).json.items.length, 2);
  const { open: left } = (await ask(path, "/api/v1/overview")).json;
  assert.equal(left, { Warning: 2 });
});

test("several incidents are closed at once: each as if alone, and those that are not whose asks are said", async () => {
  const path = newPath();
  await opened({ control: path }, tenantsOf(TENANTS));
  const rows = (await ask(path, "/api/v1/incidents")).json.items as { id: string; tenant: string | null }[];
  const idOf = (tenant: string | null): string => rows.find((one) => one.tenant === tenant)!.id;
  const ids = [idOf(null), idOf("a"), idOf("b"), idOf("a"), "none"];
  const decide = (socket: string, body: object) => tell(socket, "/api/v1/incidents", body);
  const own = await decide(`${path}.a`, { ids, state: "closed", note: "mine" });
  assert.equal([own.status, own.json], [200, { decided: 1, missing: [idOf(null), idOf("b"), "none"] }]);
  const { json } = await decide(path, { ids, state: "closed", verdict: "false_positive" });
  assert.equal(json, { decided: 3, missing: ["none"] });
  assert.equal((await ask(path, "/api/v1/incidents?case=open")).json.items, []);
  const { history } = (await ask(path, `/api/v1/incidents/${idOf("a")}`)).json;
  assert.equal(
    history.map(({ who, detail }: { who: string; detail: object }) => [who, detail]),
    [
      ["operator", { verdict: "false_positive", case: "closed" }],
      ["a", { note: "mine", case: "closed" }],
    ],
  );
  const many = Array.from({ length: 101 }, (_, nth) => `i${nth}`);
  for (const body of [{ ids }, { ids: [], state: "closed" }, { ids: many, state: "open" }, { state: "closed" }])
    assert.is((await decide(path, body)).status, 400, JSON.stringify(body));
});

test("a viewer closes several incidents once at a time, through all doors, and keeps no other from it", async () => {
  let go: (isKnown: boolean) => void = () => undefined;
  let asked = 0;
  const decide = (owner: string | null): Promise<boolean> | boolean => {
    asked++;
    return owner === "a" ? new Promise((resolve) => (go = resolve)) : true;
  };
  const a: Viewer = { kind: "tenant", name: "a", mayAct: true, scope: {} as Scope };
  const common = { shown: { store: { decide } }, underway: new Set<string>(), pages: new Map(), names: null };
  const doors = await Promise.all(
    [a, a, OPERATOR].map(async (viewer) => {
      const of = { ...common, viewerOf: () => viewer, consoleAt: () => null };
      const server = makeDoor(of as unknown as DoorOptions);
      const path = newPath();
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return { path, server };
    }),
  );
  const close = (nth: number) => tell(doors[nth]!.path, "/api/v1/incidents", { ids: ["i"], state: "closed" });
  const first = close(0);
  await until("it is underway", () => asked === 1);
  assert.is((await close(1)).status, 429);
  assert.is((await close(2)).status, 200, "another viewer");
  assert.is(asked, 2, "what was refused has asked nothing of the store");
  go(true);
  assert.is((await first).status, 200);
  const next = close(1);
  await until("the next is underway", () => asked === 3);
  go(true);
  assert.is((await next).status, 200);
  for (const { server } of doors) server.close();
});

test.run();
