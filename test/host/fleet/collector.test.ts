// SPDX-License-Identifier: Apache-2.0
// Findings of several tasks end in one store, each once, whatever is killed meanwhile; and what a task says
// for another one, or in another form, does not. With Debian's nats-server and PostgreSQL.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { findingId } from "../../../host/finding/finding.js";
import type { Finding } from "../../../host/finding/parts.js";
import { Collector } from "../../../host/fleet/collector.js";
import { saidAlert } from "../../../host/fleet/said-alert.js";
import type { Alert } from "../../../host/output/alert.js";
import { alertRecord } from "../../../host/output/alert-record.js";
import type { Backlog } from "../../../host/output/backlog.js";
import { NatsClient } from "../../../host/output/nats-client.js";
import { subjectToken } from "../../../host/output/nats-subject.js";
import { outputsOf } from "../../../host/output/registry.js";
import { openStore } from "../../../host/store/open.js";
import { run, scratch, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { NatsServer, missing as natsMissing } from "../output/nats-server.js";
import { CONNECT, FINDING } from "../output/shared.js";
import { missing, PostgresServer } from "../store/postgres-server.js";

if (natsMissing !== null || missing !== null) throw new Error(`it needs ${natsMissing ?? missing}`);

const TASKS = ["arn:aws:ecs:eu-west-1:1:task/prod/aaaa", "arn:aws:ecs:eu-west-1:1:task/prod/bbbb"];
const NEVER = new AbortController().signal;
const TASK = { arn: TASKS[0] as string, family: "web", revision: "1", cluster: "prod", availabilityZone: null };
const findingOf = (task: number, tid: number): Finding => ({
  ...FINDING,
  event: { ...FINDING.event, source: String(task).repeat(32), time: BigInt(Date.now()) * 1_000_000n },
  ...{ tid, task: { ...TASK, arn: TASKS[task] as string } },
});
const alertOf = (finding: Finding): Alert => ({ ...CONNECT, time: finding.event.time, finding });
const subjectOf = (task: string, tenant = "payments"): string => `vd.a.${subjectToken(tenant)}.${subjectToken(task)}`;

/** What the sidecar of a task has for the bus. */
async function sidecar(url: string): Promise<Backlog> {
  const settings = { url, subject: "vd.a.{tenant}.{task}", capacity: 100_000 };
  const lines = { form: "vedette", hasIncidents: false } as const;
  const [queue] = await outputsOf(
    { targets: [], named: [{ name: "bus", kind: "nats", settings, lines }] },
    { onFault: () => undefined },
  );
  queue!.start();
  return queue!;
}

test("an alert that went over the bus is the one that was sent, but for incidents and files of its host", () => {
  const finding = { ...findingOf(0, 1), executable: { ...FINDING.executable!, sha256: "ab".repeat(32) } };
  const incident = { id: "x", count: 1, first: 1n, last: 1n };
  const sent: Alert = {
    ...alertOf(finding),
    outputFields: [
      ["fd.name", null],
      ["proc.pid", 7],
    ],
    incident,
    evidence: "f",
  };
  const { incident: _, evidence: __, ...expected } = sent;
  const got = saidAlert(subjectOf(TASKS[0]!), Buffer.from(alertRecord(sent)));
  assert.equal(got, expected);
  assert.is(findingId((got as Alert).finding!), findingId(finding));
  const { finding: ___, tenant: ____, ...notice } = expected;
  assert.equal(saidAlert(subjectOf(notice.hostname, ""), Buffer.from(alertRecord(notice))), notice);
});

test("H58: what a task publishes for another one, for another tenant, or in another form, is no alert", () => {
  const alert = alertOf(findingOf(0, 1));
  const record = (more: object): Buffer => Buffer.from(alertRecord({ ...alert, ...more } as Alert));
  const own = subjectOf(TASKS[0]!);
  const finding = alert.finding!;
  const told: [subject: string, body: Uint8Array, why: RegExp][] = [
    [subjectOf(TASKS[1]!), record({}), /another task/],
    [subjectOf(TASKS[0]!, "others"), record({}), /another tenant/],
    [own, record({ tenant: "others" }), /another tenant/],
    [own, record({ finding: undefined, hostname: "elsewhere" }), /another task/],
    [own, record({ finding: { ...finding, task: { ...TASK, arn: TASKS[1] } } }), /another task/],
    [own, record({ finding: { ...finding, tenant: "others" } }), /another rule/],
    [own, record({ finding: { ...finding, rule: "Another" } }), /another rule/],
    [own, record({ finding: { ...finding, extra: 1 } }), /another form/],
    [own, record({ finding: { ...finding, ancestors: Array(100).fill(null) } }), /another form/],
    [own, record({ priority: "Worst" }), /another form/],
    [own, record({ output: "x".repeat(30_000) }), /another form/],
    [own, record({ time: -1n }), /another form/],
    [own, Buffer.from("{"), /another form/],
    [own, Buffer.from([0xff, 0xfe]), /another form/],
    [own, Buffer.from("[".repeat(100_000)), /another form/],
    [own, Buffer.alloc(300_000, 32), /too large/],
  ];
  assert.type(saidAlert(own, record({})), "object");
  for (const [index, [subject, body, why]] of told.entries()) {
    const got = saidAlert(subject, body);
    assert.type(got, "string", String(index));
    assert.match(got as string, why, String(index));
  }
});

test("H58: a server refuses what a task's credentials do not cover, and the collector what is forged within them", async () => {
  const [mine = "", theirs = ""] = TASKS.map(subjectToken);
  const user = `{user: mine, password: p, permissions: {publish: ["vd.a.*.${mine}"], subscribe: ["_INBOX_mine.>"]}}`;
  const server = await NatsServer.start(`authorization: {users: [{user: admin, password: p}, ${user}]}`, {
    user: "admin",
    pass: "p",
  });
  const said: string[] = [];
  const bus = { url: server.url, user: "admin", password: "p" };
  const store = await openStore({ place: null, onFault: () => undefined });
  const collector = (): Collector =>
    new Collector({ bus, stream: "VA", store, isOnce: true, say: (line) => said.push(line) });
  await collector().run(NEVER); // makes the stream
  const client = new NatsClient({ url: server.url, user: "mine", password: "p", inbox: "_INBOX_mine" }, 5_000);
  const good = alertRecord(alertOf(findingOf(0, 1)));
  const forged = alertRecord(alertOf(findingOf(1, 2)));
  const ends = await client.publish(
    [
      { subject: `vd.a.payments.${theirs}`, id: "1", body: forged },
      { subject: `vd.a.payments.${mine}`, id: "2", body: forged },
      { subject: `vd.a.payments.${mine}`, id: "3", body: good },
      { subject: "$JS.API.STREAM.DELETE.VA", id: "4", body: "" },
    ],
    undefined,
    NEVER,
  );
  assert.equal(
    ends.map(({ kind }) => kind),
    ["subject", "taken", "taken", "subject"],
  );
  const once = collector();
  await once.run(NEVER);
  assert.equal(once.collected, { kept: 1, refused: 1, lost: 0 });
  assert.match(said.join("\n"), /is refused: vd\.a\.payments\.\S+: it is of another task than its subject/);
  assert.is((await store.page(null, { limit: 10 })).items.length, 1);
  await Promise.all([client.close(), store.close()]);
  await server.end();
});

/** `vedette fleet collect`, as it is installed. */
function collect(...words: string[]): ChildProcess {
  const [command, ...first] = VEDETTE;
  return spawn(command!, [...first, "fleet", "collect", ...words], { stdio: ["ignore", "ignore", "pipe"] });
}

test("two tasks' findings are in one database once each, though collectors, the bus and the database are killed", async () => {
  const [bus, database] = [await NatsServer.start(), await PostgresServer.start()];
  const place = await database.database();
  const start = async (): Promise<ChildProcess> => {
    const child = collect("--bus", bus.url, "--store", place);
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (part: string) => (said += part));
    await until("it collects", () => said.includes("collecting from"), { tell: () => said });
    return child;
  };
  const stored = async (): Promise<number> =>
    Number((await database.sql(place, "SELECT count(*) AS n FROM vedette.finding").catch(() => [{ n: 0 }]))[0]!.n);
  let collector = await start();
  await until("the stream is there", () =>
    bus.count("VA").then(
      () => true,
      () => false,
    ),
  );
  const sidecars = [await sidecar(bus.url), await sidecar(bus.url)];
  const expected = new Set<string>();
  let tid = 0;
  const come = (count: number): void => {
    for (let i = 0; i < count; i++, tid++)
      for (const [task, queue] of sidecars.entries()) {
        const finding = findingOf(task, tid);
        expected.add(findingId(finding));
        queue.write(alertOf(finding));
      }
  };
  const load = async (): Promise<void> => {
    const before = await stored();
    await until("some are stored", async () => {
      come(50);
      return (await stored()) > before;
    });
  };
  for (const what of ["collector", "bus", "collector", "database"] as const) {
    await load();
    if (what === "collector") {
      collector.kill("SIGKILL");
      await once(collector, "exit");
      come(50);
      collector = await start();
    } else {
      const server = what === "bus" ? bus : database;
      await server.kill();
      come(50);
      await server.resume();
    }
  }
  await load();
  await until("all are sent", () => sidecars.every((one) => one.stats().queued === 0));
  await until("all are stored", async () => (await stored()) >= expected.size, {
    ms: 200_000,
    tell: () => `${expected.size} were sent`,
  });
  for (const queue of sidecars) {
    await queue.close();
    assert.is(queue.lost, 0);
  }
  collector.kill("SIGTERM");
  const [status] = await once(collector, "exit");
  const rows = await database.sql(place, "SELECT id::text AS id FROM vedette.finding");
  await Promise.all([bus.end(), database.end()]);
  assert.is(status, 0);
  assert.is(rows.length, expected.size, "each is one row");
  assert.equal(rows.map(({ id }) => String(id)).sort(), [...expected].sort());
  console.log(`${expected.size} findings of two tasks, each one row`);
});

test("two sidecars with a program each, and a store that shows what both found", async () => {
  const server = await NatsServer.start();
  const [folder, all] = [scratch(), `${scratch()}/all`];
  const once = (): ReturnType<typeof run> =>
    run([...VEDETTE, "fleet", "collect", "--once", "--bus", server.url, "--store", all], { cwd: folder });
  assert.match((await once()).stdout, /^0 findings kept, 0 messages refused, 0 lost by the stream$/m);
  const env = {
    VEDETTE_OUTPUTS_BUS_TYPE: "nats",
    VEDETTE_OUTPUTS_BUS_URL: server.url,
    VEDETTE_OUTPUTS_BUS_FORMAT: "vedette",
  };
  const more = { VEDETTE_OUTPUTS_BUS_SUBJECT: "vd.a.{tenant}.{task}" };
  for (const program of ["cat", "head"]) {
    const words = [...VEDETTE, "run", "--alerts", "alerts.json", "--", program, "/etc/shadow"];
    const { status, stderr } = await run(words, { cwd: folder, env: { ...env, ...more } });
    assert.is(status, 0, stderr);
  }
  assert.match((await once()).stdout, /^\d+ findings kept, 0 messages refused, 0 lost by the stream$/m);
  assert.match((await once()).stdout, /^0 findings kept, /m, "what was acknowledged does not come again");
  await server.end();
  const store = await openStore({ place: all, mustBeThere: true, onFault: () => undefined });
  const { items } = await store.page(null, { limit: 100 });
  await store.close();
  const names = items.map((one) => JSON.parse(one).finding.process.name as string);
  assert.equal([...new Set(names)].sort(), ["cat", "head"]);
});

test("without a bus, or without an address of one, it says so", async () => {
  const store = await openStore({ place: null, onFault: () => undefined });
  const bus = { url: "nats://127.0.0.1:1" };
  const failed = await new Collector({ bus, stream: "VA", store, isOnce: true, say: () => undefined })
    .run(NEVER)
    .catch(String);
  await store.close();
  assert.match(String(failed), /connection refused/);
  const away = await run([...VEDETTE, "fleet", "collect", "--once", "--bus", bus.url, "--store", `${scratch()}/s`]);
  assert.is(away.status, 1);
  assert.match(away.stderr, /connection refused.*VEDETTE_BUS_AWAY/);
  const wrong = await run([...VEDETTE, "fleet", "collect", "--bus", "http://a", "--store", `${scratch()}/s`]);
  assert.match(wrong.stderr, /VEDETTE_USAGE/);
  const nowhere = await run([...VEDETTE, "fleet", "collect", "--bus", bus.url]);
  assert.match(nowhere.stderr, /Give --store PLACE\. \[VEDETTE_USAGE\]/);
  assert.is(new VedetteError("VEDETTE_BUS_AWAY", { url: "u", reason: "r" }).exit, 1);
});

test.run();
