// SPDX-License-Identifier: Apache-2.0
// The store in PostgreSQL: the suite of every store, and what is its own: tables, several hosts, a server
// that goes away and comes back.
import { Client, DatabaseError } from "pg";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { findingLine, incidentLine } from "../../../host/store/lines.js";
import { addressOf } from "../../../host/store/postgres/address.js";
import { Database } from "../../../host/store/postgres/database.js";
import { PostgresStore } from "../../../host/store/postgres/postgres.js";
import { PostgresReads } from "../../../host/store/postgres/reads.js";
import { MIGRATIONS, migrate } from "../../../host/store/postgres/schema.js";
import { BOUNDED_MAX, PostgresWrites } from "../../../host/store/postgres/writes.js";
import { DATABASE_LIMITS, type Store, type StoreLimits } from "../../../host/store/store.js";
import { freePort } from "../../e2e/free-port.js";
import { missing, PASSWORD, PostgresServer } from "./postgres-server.js";
import { HOUR, idsOf, incident, rulesOf, testStore, told, written } from "./store-suite.js";

const postgres = suite("store in PostgreSQL");
let server: PostgresServer;
const faults: VedetteError[] = [];
const onFault = (error: VedetteError): void => void faults.push(error);

postgres.before(async () => {
  server = await PostgresServer.start();
});
postgres.after(() => server.end());

testStore(postgres, async (limits = DATABASE_LIMITS) =>
  PostgresStore.open({ address: await server.database(), limits, onFault }),
);

const DAY = 24n * HOUR;
const WAIT_MS_MAX = 60_000;

const open = (address: string, mustBeThere = false): Promise<PostgresStore> =>
  PostgresStore.open({ address, mustBeThere, onFault });

/** How it was refused. */
const refusal = (address: string, mustBeThere = false): Promise<string> =>
  open(address, mustBeThere).then(
    async (store) => {
      await store.close();
      return "opened";
    },
    ({ code, message }: VedetteError) => `${code}: ${message}`,
  );

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + WAIT_MS_MAX; !(await isSo()); ) {
    if (performance.now() > end) throw new Error(`expected: ${what}; got: it is not so after a minute`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What writes and reads, without what stands before them. `now`: of the clock of what writes. */
async function parts(limits: Partial<StoreLimits> = {}) {
  const address = await server.database();
  const database = new Database(addressOf(address));
  await database.transact("writes", "change", (ask) => migrate(ask));
  const clock = { ahead: 0n };
  const now = (): bigint => BigInt(Date.now()) * 1_000_000n + clock.ahead;
  const writes = new PostgresWrites(database, { ...DATABASE_LIMITS, ...limits }, now);
  const count = async (table: string): Promise<number> =>
    Number((await server.sql(address, `SELECT count(*) AS n FROM vedette.${table}`))[0]!.n);
  return { address, database, writes, reads: new PostgresReads(database), clock, count };
}

const rulesIn = (items: readonly string[]): string[] =>
  items.map((item) => (JSON.parse(item) as { alert: { rule: string } }).alert.rule);

postgres("it holds over a restart what it was told, and who told of an incident before is gone", async () => {
  const address = await server.database();
  const before = await open(address);
  before.append(told(1, { rule: "kept" }));
  before.keep(incident("one"));
  await written(before);
  assert.is(JSON.parse((await before.incident(null, "one"))!).state, "open");
  await before.close();
  const after = await open(address);
  assert.equal(await rulesOf(after, null), ["kept"]);
  const { state, closed_by: by } = JSON.parse((await after.incident(null, "one"))!);
  assert.equal([state, by], ["closed", "end"]);
  await after.close();
});

postgres("hosts that start at once make the tables once, and each sees what the others tell", async () => {
  const address = await server.database();
  const hosts = await Promise.all(Array.from({ length: 4 }, () => open(address)));
  for (const [index, host] of hosts.entries()) {
    host.append(told(index, { rule: `of host ${index}` }));
    host.append(told(9, { rule: "told by all", pid: 9 }));
    host.keep(incident(`of host ${index}`));
  }
  await Promise.all(hosts.map(written));
  const all = ["of host 0", "of host 1", "of host 2", "of host 3", "told by all"];
  for (const host of hosts) assert.equal(await rulesOf(host, null), all);
  assert.is((await hosts[0]!.overview(null, 24)).held.findings, 5);
  // One ends, and one is killed: its incidents are open until it has said nothing for minutes.
  await hosts[0]!.close();
  const states = async () =>
    Promise.all(all.slice(0, 4).map(async (id) => JSON.parse((await hosts[3]!.incident(null, id))!).state));
  assert.equal(await states(), ["closed", "open", "open", "open"]);
  const late =
    "UPDATE vedette.writer SET seen = now() - interval '6 minutes' WHERE id = (SELECT writer FROM vedette.incident WHERE id = $1)";
  await server.sql(address, late, "of host 1");
  assert.equal(await states(), ["closed", "closed", "open", "open"]);
  for (const host of hosts.slice(1)) await host.close();
});

postgres("tables of a later version are refused, and a guest makes none", async () => {
  const address = await server.database();
  assert.match(await refusal(address, true), /^VEDETTE_STORE_UNUSABLE.*no Vedette has written there/);
  assert.is(await refusal(address), "opened");
  assert.is(await refusal(address, true), "opened");
  await server.sql(address, "UPDATE vedette.meta SET version = 99");
  for (const isGuest of [false, true])
    assert.match(await refusal(address, isGuest), /^VEDETTE_STORE_UNUSABLE.*later version/);
});

postgres("one that runs writes nothing into tables that a later version has changed meanwhile", async () => {
  const address = await server.database();
  const store = await open(address);
  await server.sql(address, "UPDATE vedette.meta SET version = version + 1");
  store.append(told(1));
  await until("it says why it does not write", () => /later version/.test(store.stats().lastError?.message ?? ""));
  await server.sql(address, "UPDATE vedette.meta SET version = version - 1");
  await written(store);
  assert.is((await rulesOf(store, null)).length, 1);
  await store.close();
});

postgres("each migration is run once, and all of them or nothing", async () => {
  const { database, address } = await parts();
  const run = (texts: readonly string[]) => database.transact("writes", "change", (ask) => migrate(ask, texts));
  await run([...MIGRATIONS, "CREATE TABLE a(x int)"]);
  await run([...MIGRATIONS, "CREATE TABLE a(x int)", "CREATE TABLE b(x int)"]);
  const bad = [...MIGRATIONS, "", "", "CREATE TABLE c(x int)", "CREATE TABLE a(x int)"];
  assert.match(await run(bad).then(String, String), /already exists/);
  const made = await server.sql(address, "SELECT relname FROM pg_class WHERE relname IN ('a', 'b', 'c') ORDER BY 1");
  assert.equal(
    made.map(({ relname }) => relname),
    ["a", "b"],
  );
  await database.close();
});

postgres("what cannot hold is refused at the start, and no message has the password", async () => {
  const secret = encodeURIComponent(PASSWORD);
  const socket = `host=${encodeURIComponent(server.folder)}`;
  for (const [address, said] of [
    [server.address("postgres", "wrong secret"), /password authentication failed/],
    [server.address("nothing"), /does not exist/],
    [`${server.address("postgres")}&sslmode=prefer`, /sslmode/],
    [`${server.address("postgres")}&sslmode=require`, /does not support SSL/],
    [`${server.address("postgres")}&sslrootcert=/nothing&sslmode=require`, /no such file/],
    [`${server.address("postgres")}&sslmod=require`, /not known, sslmod$/],
    [`postgres://vedette:${secret}@/?${socket}`, /names no database/],
    [`postgres://vedette:${secret}@a,b/c`, /more than one host|no address/],
    [`postgres://vedette:${secret}@h:99999/c`, /no address/],
  ] as const) {
    const refused = await refusal(address);
    assert.match(refused, /^VEDETTE_STORE_UNUSABLE/, address.replace(secret, "..."));
    assert.match(refused.replace(/\.$/, ""), said);
    for (const word of [secret, PASSWORD, "wrong"]) assert.not.ok(refused.includes(word), refused);
  }
});

postgres("an address is what libpq would take, and clear text goes to this machine alone", () => {
  const { name, host, port, user, database, password, ssl } = addressOf(
    "postgresql://ann:p%40ss@db.example:6432/security",
  );
  assert.equal([name, host, port, user], ["postgres://ann@db.example:6432/security", "db.example", 6432, "ann"]);
  assert.equal([database, password, ssl], ["security", "p@ss", { host: "db.example", rejectUnauthorized: true }]);
  for (const [text, wanted] of [
    ["postgres://u@localhost/d", ["localhost", false]],
    ["postgres://u@[::1]/d", ["::1", false]],
    ["postgres:///d", ["/run/postgresql", false]],
    ["postgres://u@%2Ftmp%2Fs/d", ["/tmp/s", false]],
    ["postgres://u@db/d?sslmode=disable", ["db", false]],
  ] as const) {
    const at = addressOf(text);
    assert.equal([at.host, at.ssl], wanted, text);
  }
  const verified = addressOf("postgres://u@db/d?sslmode=verify-ca").ssl as { rejectUnauthorized: boolean };
  assert.is(verified.rejectUnauthorized, true);
});

postgres("over TLS the server is who its certificate says, or it is refused", async () => {
  const port = await freePort();
  const secure = await PostgresServer.start([], port);
  await secure.sql("postgres", "CREATE DATABASE store0");
  const at = (host: string, mode: string): string =>
    `postgres://vedette:${encodeURIComponent(PASSWORD)}@${host}:${port}/store0?sslmode=${mode}`;
  const ca = `&sslrootcert=${secure.folder}/ca.pem`;
  try {
    for (const [address, said] of [
      [at("127.0.0.1", `verify-full${ca}`), /^opened$/],
      [at("127.0.0.1", "verify-full"), /certificate/],
      [at("127.0.0.2", `verify-full${ca}`), /does not match/],
      [at("localhost", `verify-full${ca}`), /does not match/],
      [at("127.0.0.2", `verify-ca${ca}`), /^opened$/],
      [at("127.0.0.2", "verify-ca"), /certificate/],
      [at("127.0.0.1", "require"), /^opened$/],
    ] as const)
      assert.match(await refusal(address), said, address.replace(/:[^@]*@/, "@"));
    const store = await open(at("127.0.0.1", `verify-full${ca}`));
    await store.overview(null, 24);
    const [seen] = await secure.sql(
      "postgres",
      "SELECT bool_and(ssl) AS is FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'vedette'",
    );
    assert.is(seen!.is, true);
    await store.close();
  } finally {
    await secure.end();
  }
});

postgres(
  "a database that is down at the start, and one that goes away later: it is found again by itself",
  async () => {
    const address = await server.database();
    await server.kill();
    faults.length = 0;
    const store = await open(address);
    const told1 = (): number => faults.filter(({ code }) => code === "VEDETTE_STORE_UNWRITABLE").length;
    assert.equal([store.stats().state, told1()], ["retrying", 1]);
    store.append(told(1, { rule: "told while it was down" }));
    assert.match(await store.page(null, { limit: 1 }).then(String, String), /its database does not answer/);
    await server.resume();
    await written(store);
    assert.equal(await rulesOf(store, null), ["told while it was down"]);
    await until("all is well", () => store.stats().state === "ok");
    await server.kill();
    for (let i = 0; i < 20_000; i++) store.append(told(i, { pid: i, rule: "flood" }));
    const { queued, dropped } = store.stats();
    assert.ok(queued > 0 && dropped.full >= 10_000, `${queued} wait, ${dropped.full} were dropped since it is full`);
    await until("it is known to be away", () => told1() > 1 && store.stats().state !== "ok");
    await server.resume();
    await written(store);
    await until("all is well", () => store.stats().state === "ok");
    const { held } = await store.overview(null, 24);
    assert.is(held.findings, store.stats().sent, "what it says is sent is there");
    assert.is(told1(), 2, `each time is told once: ${faults.map(({ message }) => message)}`);
    await store.close();
  },
);

postgres("what is too old goes with its day, and what claims a time to come makes no days", async () => {
  const { writes, clock, count, address, reads, database } = await parts({ days: 30 });
  await writes.tidy();
  await writes.append([
    findingLine(told(1, { rule: "now" })),
    findingLine(told(86_400 * 10, { rule: "10 days ago" })),
    findingLine(told(-86_400 * 365 * 80, { rule: "80 years ahead" })),
    findingLine(told(86_400 * 40, { rule: "40 days ago" })),
    incidentLine(incident("one")),
  ]);
  const days = await count("day");
  assert.ok(days <= 4, `of 10 days ago, today and tomorrow, perhaps yesterday: ${days}`);
  assert.is(await count("finding"), 3);
  assert.equal(rulesIn((await reads.page(null, { limit: 9 })).items).sort(), ["10 days ago", "80 years ahead", "now"]);
  clock.ahead = 21n * DAY;
  await writes.tidy();
  assert.equal(rulesIn((await reads.page(null, { limit: 9 })).items).sort(), ["80 years ahead", "now"]);
  assert.is((await reads.overview(null, 24)).held.findings, 2);
  const tables = await server.sql(address, "SELECT relname FROM pg_class WHERE relname ~ '^finding_\\d{8}$'");
  assert.is(tables.length, await count("day"));
  clock.ahead = 90n * DAY;
  await writes.tidy();
  for (const table of ["finding", "incident", "incident_rest", "tally"]) assert.is(await count(table), 0, table);
  await writes.append([findingLine(told(0, { rule: "late" }))]);
  assert.is(await count("finding"), 0, "it is too old by that clock");
  await database.close();
});

postgres("a day that another host has removed is made again", async () => {
  const { writes, reads, address, database } = await parts();
  await writes.append([findingLine(told(1, { rule: "gone" }))]);
  await server.sql(address, "SELECT vedette.drop_day(day) FROM vedette.day");
  await writes.append([findingLine(told(1, { rule: "again", pid: 7 }))]);
  assert.equal(rulesIn((await reads.page(null, { limit: 9 })).items), ["again"]);
  await database.close();
});

postgres("a line that is no row is refused and counted, and those beside it are kept", async () => {
  const { writes, reads, count, database } = await parts();
  const good = Array.from({ length: 20 }, (_, i) => findingLine(told(i, { pid: i })));
  const [head, , words] = good[0]!.split("\n") as [string, string, string];
  const bad = [
    "F is no row",
    `${head}\n{"broken\n${words}`,
    head.replace(/"id":"[^"]+"/, '"id":"x"'),
    'I{"id":"i"}\n{',
  ];
  const { refused, reason } = await writes.append([...good.slice(0, 9), ...bad, ...good.slice(9)]);
  assert.is(refused, bad.length);
  assert.match(reason ?? "", /json/, "what the server said of the one that it saw");
  assert.equal([await count("finding"), await count("incident")], [20, 0]);
  assert.is((await reads.page(null, { limit: 99 })).items.length, 20);
  await database.close();
});

postgres(
  "characters that a text of PostgreSQL cannot have, and names without end, are found as they are told",
  async () => {
    const store = await open(await server.database());
    const odd = "a\0b\ud800c\u202e";
    const long = "🙂é".repeat(5_000);
    for (const [index, rule] of [odd, long].entries())
      store.append(told(index, { rule, container: `${rule}!`, tenant: rule }, { output: `${rule} shown` }));
    store.keep(incident(odd, { title: odd, container: odd, tenant: odd, tags: [odd] }));
    await written(store);
    assert.is(store.stats().dropped.refused, 0);
    for (const rule of [odd, long]) {
      assert.is((await rulesOf(store, rule, { rule })).length, 1);
      assert.is((await rulesOf(store, null, { container: `${rule}!` })).length, 1);
    }
    assert.is((await rulesOf(store, null, { text: `${odd} shown` })).length, 1);
    assert.is(await store.decide(odd, odd, { note: odd }, odd), true);
    assert.ok(await store.incident(odd, odd));
    assert.is((await store.audit(odd, { limit: 9, incident: odd })).items.length, 1);
    assert.equal((await store.incidents(odd, { limit: 9, text: odd })).items.length, 1);
    await store.close();
  },
);

postgres("a search that takes long goes on in smaller windows, and each page comes further", async () => {
  const { writes, database } = await parts();
  await writes.append(Array.from({ length: 40 }, (_, i) => findingLine(told(i * 3_600, { rule: `${i}`, pid: i }))));
  let looks = 0;
  const slow: Pick<Database, "transact"> = {
    transact: (door, kind, work) =>
      database.transact(door, kind, (ask) =>
        work(async (text, ...values) => {
          const [from, , least] = values as bigint[];
          if (kind === "look" && (from as bigint) - (least as bigint) > 2n * HOUR) {
            looks++;
            throw Object.assign(new DatabaseError("canceling statement", 1, "error"), { code: "57014" });
          }
          return ask(text, ...values);
        }),
      ),
  };
  const reads = new PostgresReads(slow);
  const found: string[] = [];
  let [before, pages]: [string | null, number] = [null, 0];
  do {
    const page = await reads.page(null, { limit: 7, before, since: BigInt(Date.now()) * 1_000_000n - 50n * HOUR });
    found.push(...rulesIn(page.items));
    before = page.next;
    pages++;
  } while (before !== null && pages < 1_000);
  assert.equal(
    found,
    Array.from({ length: 40 }, (_, i) => `${i}`),
  );
  assert.ok(looks > pages, `${looks} looks were stopped in ${pages} pages`);
  await database.close();
});

postgres("a page holds little of ours, however much each finding has", async () => {
  const store: Store = await open(await server.database());
  for (let i = 0; i < 30; i++) store.append(told(i, { rule: `${i}`, pid: i }, { output: "x".repeat(200_000) }));
  await written(store);
  const page = await store.page(null, { limit: 30 });
  assert.ok(page.items.length < 10 && page.next !== null, `${page.items.length} items`);
  assert.is((await rulesOf(store, null)).length, 30);
  await store.close();
});

postgres("questions that take long keep nothing from being written, also of a host that has just begun", async () => {
  const address = await server.database();
  await (await open(address)).close();
  await server.kill();
  const store = await open(address); // it knows nothing of its tables yet
  await server.resume();
  const lock = new Client({ ...server.client, database: addressOf(address).database });
  await lock.connect();
  await lock.query("BEGIN; LOCK TABLE vedette.incident"); // all four ways to ask wait for it
  const asked = Array.from({ length: 4 }, (_, i) => store.incidents(`tenant ${i}`, { limit: 1 }).catch(() => null));
  store.append(told(1, { rule: "written" }));
  await written(store);
  assert.is(store.stats().sent, 1);
  await lock.query("ROLLBACK");
  await lock.end();
  await Promise.all(asked);
  await store.close();
});

postgres("names are asked for again once another database is in its place: no finding changes hands", async () => {
  const address = await server.database();
  const store = await open(address);
  for (const tenant of ["a", "b"]) store.append(told(1, { tenant, rule: `${tenant}'s` }));
  await written(store);
  // As in a backup that was made before, in which the same numbers are others' names.
  for (const [from, to] of [
    ["a", "-"],
    ["b", "a"],
    ["-", "b"],
  ])
    await server.sql(address, "UPDATE vedette.word SET text = $2 WHERE text = $1", from, to);
  await server.sql(address, "TRUNCATE vedette.finding");
  for (const tenant of ["a", "b"]) store.append(told(2, { tenant, rule: `${tenant}'s` }));
  await written(store);
  for (const tenant of ["a", "b"]) assert.equal(await rulesOf(store, tenant), [`${tenant}'s`]);
  await store.close();
});

postgres("a database that an earlier version made again is brought up to date while we run", async () => {
  const address = await server.database();
  const store = await open(address);
  await server.sql(address, "DROP SCHEMA vedette CASCADE");
  store.append(told(1, { rule: "after" }));
  await written(store);
  assert.equal(await rulesOf(store, null), ["after"]);
  await store.close();
});

postgres(
  "what takes long holds up nothing that is written, and what must wait is neither lost nor a fault",
  async () => {
    const { writes, address, database, count } = await parts();
    let end: () => void = () => undefined;
    const tending = new Promise<void>((resolve) => {
      end = resolve;
    });
    const slow = database.transact("tends", "tend", async (ask) => {
      await ask("SELECT count(*) FROM finding");
      await ask("DELETE FROM audit");
      await tending;
    });
    // Both are done while the other one is not.
    await writes.append([findingLine(told(1, { rule: "meanwhile" }))]);
    await writes.beat();
    end();
    await slow;
    // Another host brings the tables up to date, for longer than a lock is waited for.
    const store = await open(address);
    faults.length = 0;
    const attempts = new Set<unknown>();
    await database.transact("tends", "change", async () => {
      store.append(told(2, { rule: "waits" }));
      await until("it has tried twice", async () => {
        const text = `SELECT xact_start::text AS at FROM pg_stat_activity WHERE wait_event = 'advisory'`;
        for (const { at } of await server.sql(address, text)) attempts.add(at);
        return attempts.size > 1;
      });
      assert.is(store.stats().queued, 1);
    });
    await written(store);
    assert.is(await count("finding"), 2);
    assert.ok(
      faults.every(({ code }) => code === "VEDETTE_OUTPUT_STUCK"),
      `its database answers: ${faults.map(({ code }) => code)}`,
    );
    await store.close();
    await database.close();
  },
);

postgres("a day that somebody reads goes later, and nobody waits for him but we", async () => {
  const { writes, clock, count, database } = await parts({ days: 30 });
  await writes.append([findingLine(told(1, { rule: "old" }))]);
  clock.ahead = 40n * DAY;
  let done: () => void = () => undefined;
  const read = new Promise<void>((resolve) => {
    done = resolve;
  });
  const backup = database.transact("asks", "tend", async (ask) => {
    await ask("SELECT count(*) FROM finding");
    await read;
  });
  const tidied = writes.tidy();
  const now = told(-40 * 86_400); // of that clock
  await writes.append([findingLine({ ...now, time: now.time })]);
  await tidied;
  const days = await count("day");
  done();
  await backup;
  await writes.tidy();
  assert.is(await count("day"), days - 1, "it is gone when nobody reads it any more");
  await database.close();
});

postgres("of hosts that share a database one tidies in an hour", async () => {
  const { writes, database, address } = await parts();
  const other = new PostgresWrites(database, DATABASE_LIMITS);
  const both = await Promise.all([writes.tidyIfDue(), other.tidyIfDue()]);
  assert.is(both.filter(Boolean).length, 1);
  assert.is(await other.tidyIfDue(), false);
  await server.sql(address, "UPDATE vedette.meta SET tidied = now() - interval '61 minutes'");
  assert.is(await other.tidyIfDue(), true);
  await server.sql(address, "UPDATE vedette.meta SET tidied = now() + interval '1 day'");
  assert.is(await writes.tidyIfDue(), true, "a clock that was set back stops nobody for ever");
  await database.close();
});

postgres("names that nothing has go while others write them, and each row keeps its own", async () => {
  const { writes, address, database } = await parts();
  await server.sql(address, "INSERT INTO vedette.word(text) SELECT 'name ' || n FROM generate_series(1, 21000) AS n");
  let isDone = false;
  let names = 0;
  const tidied = (async () => {
    for (let round = 0; round < 3; round++) await writes.tidy();
    isDone = true;
  })();
  while (!isDone)
    await writes.append(
      Array.from({ length: 20 }, () =>
        findingLine(told(names, { rule: `name ${(names++ % 21_000) + 1}`, pid: names })),
      ),
    );
  await tidied;
  const one = async (text: string): Promise<number> => Number((await server.sql(address, text))[0]!.n);
  const lost =
    "SELECT count(*) AS n FROM vedette.finding f LEFT JOIN vedette.word w ON w.id = f.rule WHERE w.id IS NULL";
  assert.is(await one(lost), 0);
  assert.is(await one("SELECT count(*) AS n FROM vedette.finding"), names);
  // Nobody writes any more: what no row has goes, and nothing else.
  await server.sql(address, "INSERT INTO vedette.word(text) SELECT 'free ' || n FROM generate_series(1, 21000) AS n");
  await writes.tidy();
  assert.is(await one("SELECT count(*) AS n FROM vedette.word WHERE text LIKE 'free %'"), 0);
  assert.is(await one(lost), 0);
  const used = "SELECT count(DISTINCT rule) AS n FROM vedette.finding";
  assert.is(await one("SELECT count(*) AS n FROM vedette.word WHERE text LIKE 'name %'"), await one(used));
  await database.close();
});

postgres("what the database refuses is told as that, and written when it is taken again", async () => {
  const address = await server.database();
  const { database: name } = addressOf(address);
  await server.sql("postgres", `CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`);
  await server.sql("postgres", `GRANT CREATE ON DATABASE ${name} TO app`);
  const store = await open(server.address(name, PASSWORD, "app"));
  faults.length = 0;
  await server.sql(address, "ALTER TABLE vedette.word OWNER TO vedette");
  store.append(told(1, { rule: "later" }));
  await until("it is told", () => faults.length > 0);
  assert.match(faults[0]!.message, /refuses what Vedette writes: permission denied for table word/);
  assert.is(faults[0]!.code, "VEDETTE_STORE_REFUSED");
  assert.is(store.stats().lastError?.code, "VEDETTE_STORE_REFUSED");
  assert.match(
    await store.page(null, { limit: 1, rule: "x" }).then(String, String),
    /its database refuses what is asked/,
  );
  await server.sql(address, "GRANT ALL ON vedette.word TO app");
  await written(store);
  assert.equal(await rulesOf(store, null), ["later"]);
  assert.is(faults.length, 1, "it is told once");
  // A single row, by a check of the administrator's own.
  await server.sql(address, "ALTER TABLE vedette.finding ADD CONSTRAINT small CHECK (size < 100000)");
  store.append(told(1, { rule: "large", pid: 1 }, { output: "x".repeat(200_000) }));
  store.append(told(1, { rule: "small", pid: 2 }));
  await written(store);
  assert.equal((await rulesOf(store, null)).sort(), ["later", "small"]);
  assert.is(store.stats().dropped.refused, 1);
  assert.match(faults[1]!.message, /refuses what Vedette writes: .*violates check constraint "small"/);
  await store.close();
});

postgres("where no room can be made, that is no success; and a wrong count stops nothing", async () => {
  const { writes, address, database, count } = await parts({ findings: 100 });
  const lines = Array.from({ length: 120 }, (_, i) => findingLine(told(i, { pid: i })));
  await server.sql(
    address,
    "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'nothing goes'; END $$",
  );
  await server.sql(address, "CREATE TRIGGER stays BEFORE DELETE ON vedette.finding FOR EACH ROW EXECUTE FUNCTION no()");
  assert.match(await writes.append(lines).then(String, String), /nothing goes/);
  await server.sql(address, "DROP TRIGGER stays ON vedette.finding");
  assert.equal(await writes.append(lines.slice(0, 99)), { refused: 0, reason: null });
  assert.is(await count("finding"), 0, "500 at a time");
  await server.sql(address, "INSERT INTO vedette.tally VALUES(1, 99, 100000, 100000)");
  await writes.append(lines.slice(0, 50));
  assert.equal([await count("finding"), await count("tally")], [50, 1]);
  await database.close();
});

postgres("a finding of the future that is sent twice is one row, also on another day", async () => {
  const { writes, clock, count, database } = await parts();
  const alert = told(-86_400 * 3_650, { rule: "10 years ahead" });
  // A host that was started again, and another host, make the line again.
  const other = new PostgresWrites(database, DATABASE_LIMITS);
  const times = new Set<string>();
  for (let day = 0n; day < 3n; day++) {
    clock.ahead = day * DAY;
    const line = findingLine(alert);
    times.add(JSON.parse(line.slice(1).split("\n")[0]!).time);
    await writes.append([line, line]);
    await other.append([line.replace(/"time":"\d+"/, `"time":"${BigInt(Date.now()) * 1_000_000n + day * DAY}"`)]);
  }
  assert.ok(times.size > 1, "each line has a time of its own");
  assert.is(await count("finding"), 1);
  await database.transact("writes", "write", (ask) =>
    ask("INSERT INTO bounded SELECT gen_random_uuid(), n FROM generate_series(1, $1::bigint) AS n", BOUNDED_MAX),
  );
  await writes.append([findingLine(alert)]);
  assert.is(await count("bounded"), BOUNDED_MAX, "the oldest one went");
  assert.is(await count("bounded WHERE time = 1"), 0);
  assert.is(await count("finding"), 1, "and not the one that is told again");
  clock.ahead = 10n * DAY;
  await writes.tidy();
  assert.is(await count("bounded"), 0);
  await database.close();
});

postgres(
  "a database that cannot have every character is refused, and each statement sees what was committed",
  async () => {
    await server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    for (const isGuest of [false, true])
      assert.match(await refusal(server.address("latin"), isGuest), /^VEDETTE_STORE_UNUSABLE.*its encoding is LATIN1/);
    const { database, address } = await parts();
    await server.sql(
      address,
      `ALTER DATABASE ${addressOf(address).database} SET default_transaction_isolation = serializable`,
    );
    const strict = new Database(addressOf(address));
    for (const kind of ["look", "read", "write", "days", "tend", "change"] as const) {
      const [is] = await strict.transact("tends", kind, (ask) =>
        ask<{ transaction_isolation: string }>("SHOW transaction_isolation"),
      );
      assert.is(is!.transaction_isolation, "read committed", kind);
    }
    await strict.close();
    await database.close();
  },
);

postgres("nobody takes an incident from another tenant by its id", async () => {
  const store = await open(await server.database());
  store.keep(incident("one", { tenant: "a", title: "a's" }));
  await written(store);
  store.keep(incident("one", { tenant: "b", title: "b's" }));
  await written(store);
  assert.is(JSON.parse((await store.incident("a", "one"))!).title, "a's");
  assert.is(await store.incident("b", "one"), null);
  assert.equal(idsOf((await store.incidents(null, { limit: 9 })).items), ["one"]);
  await store.close();
});

if (missing === null) postgres.run();
else console.log(`skip: ${missing} is missing (test/host/store/postgres.test.ts)`);
