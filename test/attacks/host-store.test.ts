// SPDX-License-Identifier: Apache-2.0
//
// Whoever may ask the control API and means harm to the store (H27, H28): a tenant that wants what is
// another's, words that would be a query, questions of 10 MiB, questions by chance, and floods. The honest
// control is an operator who is answered. All of it against each store: a folder, and a database.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ACTS } from "../../host/control/acts.js";
import { Control } from "../../host/control/control.js";
import { ROUTES } from "../../host/control/routes.js";
import { Grouping } from "../../host/incident/incident.js";
import { readTenants } from "../../host/policy/tenants.js";
import { ask as askAt } from "../ask.js";
import { alertOf } from "../host/incident/shared.js";
import { missing, PostgresServer } from "../host/store/postgres-server.js";
import { told } from "../host/store/store-suite.js";
import { Chance } from "./chance.js";

const WAIT_MS_MAX = 60_000;
interface Answered {
  readonly status: number;
  readonly text: string;
}

function ask(socketPath: string, path: string, method = "GET", body = ""): Promise<Answered> {
  const headers = method === "GET" ? {} : { "content-type": "application/json" };
  return askAt(socketPath, path, { method, headers }, body).catch(() => ({ status: 0, text: "" }));
}

/** Who asks too often is told to wait, or that the store is not done with what was asked before: so do we. */
async function answered(...asked: Parameters<typeof ask>): Promise<Answered> {
  for (const until = performance.now() + WAIT_MS_MAX; ; ) {
    const answer = await ask(...asked);
    const isLater =
      answer.status === 429 || (answer.status === 503 && answer.text.includes("The store cannot be asked"));
    if (!isLater || performance.now() > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A store of its own, and what takes it away again. */
interface Place {
  readonly place: string;
  end(): Promise<void>;
}

/** `open`: gives a new store; its folder is there already. */
function attack(name: string, open: (folder: string) => Promise<Place>): void {
  const test = suite(name);
  const folder = mkdtempSync(join(tmpdir(), "vedette-store-attack-"));
  const operator = join(folder, "control.sock");
  const MINE = `${operator}.mine`;
  const OWN = process.getuid?.() ?? 0;
  writeFileSync(join(folder, "tenants.yaml"), `tenants:\n  mine: {owner: ${OWN}}\n  theirs: {owner: ${OWN}}\n`);
  const grouping = new Grouping();
  for (const tenant of [null, "mine", "theirs"])
    grouping.take(alertOf({ tenant, file: 7, rule: `rule of ${tenant ?? "us"}` }));
  let [control, store]: [Control, Place] = [null!, null!];

  test.before(async () => {
    store = await open(folder);
    control = await Control.open(
      { control: operator, store: store.place },
      {
        health: () => ({ isWell: true, json: '{"status":"ok","judging":null,"outputs":[]}\n' }),
        metrics: async () => "",
        policies: () => [],
        sensors: () => [],
        incidents: () => grouping.open(),
        ring: null,
        containerOf: () => null,
        from: "sensor",
        onFault: () => undefined, // in a flood it says that it is behind
      },
      readTenants(join(folder, "tenants.yaml")).values(),
    );
    for (const tenant of [undefined, "mine", "theirs"])
      control.onAlert(
        told(1, { rule: `rule of ${tenant ?? "us"}`, tenant: tenant ?? null }, { output: "a secret word" }),
      );
  });
  test.after(async () => {
    await control.close();
    await store.end();
    rmSync(folder, { recursive: true });
  });

  /** Resolves when the store has written what it was told. */
  async function stored(): Promise<void> {
    for (const until = performance.now() + WAIT_MS_MAX; control.outputs()[0]!.queued > 0; ) {
      const got = JSON.stringify(control.outputs()[0]);
      if (performance.now() > until) throw new Error(`expected: an empty queue of the store; got: ${got}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async function operatorIsAnswered(): Promise<void> {
    await stored();
    const { status, text } = await answered(operator, "/api/v1/findings?limit=3");
    assert.is(status, 200, text);
    assert.ok((JSON.parse(text) as { items: unknown[] }).items.length >= 3);
  }

  test("H27: a tenant gets nothing of another's: by id, filter, cursor, words, history or act", async () => {
    await operatorIsAnswered();
    const all = JSON.parse((await answered(operator, "/api/v1/incidents")).text) as {
      items: { id: string; tenant: string | null }[];
    };
    const others = all.items.filter(({ tenant }) => tenant !== "mine").map(({ id }) => id);
    assert.is(others.length, 2);
    const page = JSON.parse((await answered(operator, "/api/v1/findings?limit=1")).text) as { next: string };
    const questions = [
      ...others.flatMap((id) => [`incidents/${id}`, `findings?incident=${id}`, `audit?incident=${id}`]),
      ...["theirs", ""].flatMap((name) => [`findings?tenant=${name}`, `incidents?tenant=${name}`]),
      ...[
        "findings?text=secret",
        "findings?rule=rule%20of%20theirs",
        `findings?before=${page.next}`,
        "incidents?text=rule",
      ],
      "findings?condition=proc.pid%20exists%20or%20not%20evt.type%3Dopen",
      ...["findings?container=web", "overview?hours=168", "audit", "tenants", "incidents"],
    ];
    for (const question of questions) {
      const { status, text } = await answered(MINE, `/api/v1/${question}`);
      assert.ok([200, 400, 404].includes(status), `${question}: ${status}`);
      assert.not.match(text, /theirs|of us/, question);
      for (const id of others) assert.not.match(text.replace(/"title":"There is no/, ""), id, question);
    }
    for (const id of others)
      assert.is((await answered(MINE, `/api/v1/incidents/${id}`, "POST", '{"state":"closed"}')).status, 404);
    const atOnce = JSON.stringify({ ids: others, state: "closed" });
    const { text: missed } = await answered(MINE, "/api/v1/incidents", "POST", atOnce);
    assert.equal(JSON.parse(missed), { decided: 0, missing: others });
    const left = JSON.parse((await answered(operator, "/api/v1/incidents?case=open")).text) as { items: unknown[] };
    assert.is(left.items.length, 3, "nobody closed another's");
  });

  test("H27: words that would be a query are words", async () => {
    const words = [
      '"',
      "a OR b",
      "tenant:theirs",
      "NEAR(secret word)",
      "secret NOT mine",
      "*",
      "' OR 1=1 --",
      "secret\u0000",
      "words MATCH 'a'",
      "{}",
      "^",
      "(".repeat(100),
    ];
    for (const text of words) {
      const { status, text: answer } = await answered(MINE, `/api/v1/findings?text=${encodeURIComponent(text)}`);
      assert.is(status, 200, `${text}: ${answer}`);
      assert.not.match(answer, /theirs|of us/, text);
    }
    for (const name of ["rule", "container", "tenant", "incident"])
      for (const text of ["' OR '1'='1", "x'); DROP TABLE finding; --", "%"]) {
        const { text: answer } = await answered(MINE, `/api/v1/findings?${name}=${encodeURIComponent(text)}`);
        assert.equal((JSON.parse(answer) as { items: unknown[] }).items, [], `${name}=${text}`);
      }
    await operatorIsAnswered();
  });

  test("H28: questions and acts of 10 MiB are refused before they are read", async () => {
    const long = "a".repeat(10 << 20);
    for (const path of [
      `/api/v1/findings?text=${long}`,
      `/api/v1/events?filter=${long}`,
      `/api/v1/incidents/${long}`,
    ]) {
      const { status } = await answered(MINE, path);
      assert.ok(status === 431 || status === 0, `it answers ${status}`);
    }
    const { status } = await answered(MINE, "/api/v1/incidents/x", "POST", JSON.stringify({ note: long }));
    assert.ok(status === 413 || status === 0, `it answers ${status}`);
    await operatorIsAnswered();
  });

  test("H28: a condition that costs much ends by itself, one at a time, and others are answered meanwhile", async () => {
    for (let i = 0; i < 3_000; i++)
      control.onAlert(told(i, { rule: "rule of mine", tenant: "mine", pid: 10_000 + i }, { output: "x" }));
    await stored();
    // As many regular expressions over long texts as there is room for.
    const costly = Array.from({ length: 60 }, (_, i) => `proc.cmdline regex "(a|b|p)*(r|u|n)*[^x]*${i}q$"`).join(
      " or ",
    );
    const path = `/api/v1/findings?limit=1000&condition=${encodeURIComponent(costly)}`;
    const flood = Array.from({ length: 12 }, () => ask(MINE, path));
    const honest = await answered(operator, "/api/v1/findings?limit=1");
    assert.is(honest.status, 200);
    const statuses = (await Promise.all(flood)).map(({ status }) => status);
    assert.ok(
      statuses.every((status) => status === 200 || status === 429 || status === 0),
      `${statuses}`,
    );
    // It comes to an end, page by page, and sees its own alone.
    let [before, looked]: [string | null, number] = ["", 0];
    do {
      const { status, text } = await answered(MINE, `${path}${before === "" ? "" : `&before=${before}`}`);
      assert.is(status, 200, text);
      const page = JSON.parse(text) as { items: unknown[]; next: string | null; looked: number };
      assert.equal(page.items, []);
      looked += page.looked;
      before = page.next;
    } while (before !== null);
    assert.is(looked, 3_001);
    await operatorIsAnswered();
  });

  test("H28: whatever is asked by chance of whatever path, no answer is 500", async () => {
    const chance = new Chance(Number(process.env.VEDETTE_SEED ?? 22));
    const bits = [
      "",
      "0",
      "-1",
      "1e9",
      "null",
      "%00",
      "%ff",
      "true",
      "[]",
      "AAAA",
      "9".repeat(40),
      "2026-02-30T00:00:00Z",
      "9999-12-31T00:00:00Z",
      "0000-01-01T00:00:00Z",
      "Warning",
      "open",
      "x".repeat(600),
    ];
    const names = [
      "limit",
      "before",
      "after",
      "tenant",
      "rule",
      "priority",
      "container",
      "incident",
      "text",
      "since",
      "until",
      "case",
      "severity",
      "hours",
      "filter",
      "condition",
      "id",
      "__proto__",
    ];
    const bodies = [
      "",
      "{",
      "[]",
      "null",
      '{"state":1}',
      '{"note":"\\ud800"}',
      '{"__proto__":{"state":"closed"}}',
      '{"state":"closed"}',
      `{"note":"${"\\u0000".repeat(50)}"}`,
    ];
    const pick = <T>(from: readonly T[]): T => chance.one(from);
    for (let i = 0; i < 400; i++) {
      const isAct = chance.below(4) === 0;
      const path = pick<{ path: string }>(isAct ? ACTS : ROUTES.filter(({ of }) => of !== "stream")).path.replace(
        "{id}",
        pick(bits) || "x",
      );
      const query = Array.from({ length: chance.below(4) }, () => `${pick(names)}=${pick(bits)}`).join("&");
      const method = isAct ? "POST" : pick(["GET", "GET", "GET", "DELETE", "PUT"]);
      const { status } = await answered(
        pick([operator, MINE]),
        `${path}?${query}`,
        method,
        method === "GET" ? "" : pick(bodies),
      );
      assert.ok(status < 500 && status !== 0, `${method} ${path}?${query} answers ${status}`);
    }
    await operatorIsAnswered();
  });

  test("H28: times beyond 64 bits are the first and the last", async () => {
    for (const [from, to, isFound] of [
      ["0000-01-01T00:00:00Z", "9999-12-31T00:00:00Z", true],
      ["9999-12-31T00:00:00Z", "9".repeat(19), false],
    ] as const) {
      const { status, text } = await answered(operator, `/api/v1/findings?since=${from}&until=${to}`);
      assert.is(status, 200, text);
      assert.is((JSON.parse(text) as { items: unknown[] }).items.length > 0, isFound, text.slice(0, 200));
    }
  });

  test("H28: a note is bounded without what nobody sees, and who says the same again leaves one line", async () => {
    const { items } = JSON.parse((await answered(MINE, "/api/v1/incidents")).text) as { items: { id: string }[] };
    const path = `/api/v1/incidents/${items[0]!.id}`;
    const act = async (note: string): Promise<number> =>
      (await answered(MINE, path, "POST", JSON.stringify({ note }))).status;
    assert.is(await act("é".repeat(1_025)), 400);
    for (let i = 0; i < 30; i++) assert.is(await act(`${"\u0000\u202e\u001b".repeat(600)}two\nlines\ud800`), 204);
    const { history } = JSON.parse((await answered(MINE, path)).text) as { history: { detail: { note?: string } }[] };
    assert.equal(
      history.map(({ detail }) => detail.note).filter((note) => note?.includes("lines")),
      ["two\nlines\ufffd"],
    );
  });

  test("H28: a flood is dropped and counted where it comes too fast, and the operator is answered", async () => {
    const before = control.outputs()[0]!;
    for (let i = 0; i < 30_000; i++) control.onAlert(told(i % 600, { pid: i, rule: "flood", tenant: "theirs" }));
    const { dropped, queued } = control.outputs()[0]!;
    assert.ok(dropped.full - before.dropped.full + queued >= 20_000, "none is lost without being counted");
    await operatorIsAnswered();
  });

  test.run();
}

attack("store in a folder", async (folder) => ({ place: join(folder, "store"), end: async () => undefined }));
if (missing === null)
  attack("store in PostgreSQL", async () => {
    const server = await PostgresServer.start();
    return { place: await server.database(), end: () => server.end() };
  });
else console.log(`skip: ${missing} is missing (test/attacks/host-store.test.ts)`);
