// SPDX-License-Identifier: Apache-2.0
//
// The meter of PostgreSQL against PostgreSQL's own counts: pg_stat_statements for statements, the log for
// errors. A true server, true clients, and all must have counted the same; those clients that are watched,
// too, must have asked for what the server has executed. pgbench speaks the simple and the extended protocol,
// with prepared statements and in pipelines; psql copies; others fail, and read much.
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const VERSIONS = "/usr/lib/postgresql";
const version = existsSync(VERSIONS) ? readdirSync(VERSIONS).at(-1) : undefined;
const bin = (name: string): string => join(VERSIONS, version!, "bin", name);
const isRoot = process.getuid?.() === 0;
const missing = version === undefined ? "PostgreSQL" : isRoot ? (hasCommand("curl") ? null : "curl") : "root";
const AS = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"];
const ROUNDS = 10;
/** Of pgbench, in each protocol. */
const CLIENTS = 4;
const TRANSACTIONS = 100;
/** What a server says that it has completed, where a statement begins otherwise. */
const COMPLETED: Readonly<Record<string, string>> = { END: "COMMIT", WITH: "SELECT", ABORT: "ROLLBACK" };
const ERRORS = [
  "SELECT 1/0",
  "SELEC 1",
  "SELECT * FROM nowhere",
  "INSERT INTO once VALUES (1)",
  "SELECT 's3cret'::int",
];

const positive = (counts: Counts): Counts =>
  sorted(Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)));

class Served {
  readonly folder = scratch();
  readonly log = join(this.folder, "log");
  readonly #socket = join(this.folder, "c.sock");
  #port = 0;
  #group: ReturnType<typeof start> | null = null;
  /** What was said on stderr, PostgreSQL's log among it. */
  readonly told = (): string => this.#group?.said() ?? "";

  async start(): Promise<void> {
    const { folder } = this;
    this.#port = await freePort();
    const user = Number(execFileSync("id", ["-u", "postgres"], { encoding: "utf8" }));
    const data = join(folder, "data");
    writeFileSync(this.log, "");
    for (const path of [folder, this.log]) chownSync(path, user, -1);
    execFileSync(AS[0]!, [...AS.slice(1), bin("initdb"), "-D", data, "-A", "trust", "-N", "--locale=C"], {
      cwd: folder,
      stdio: "pipe",
    });
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off", "autovacuum=off"];
    const more = ["shared_preload_libraries=pg_stat_statements", "log_line_prefix=%e|", "logging_collector=off"];
    const words = [...settings, ...more].flatMap((one) => ["-c", one]);
    const server = [bin("postgres"), "-D", data, "-p", `${this.#port}`, ...words];
    const both = [
      ...AS,
      "sh",
      "-c",
      `"$@" & server=$!; until [ -e go ]; do sleep 0.1; done; sh -e run.sh && touch done; until [ -e over ]; do sleep 0.1; done; kill $server; wait`,
      "sh",
    ];
    const flags = ["--policy", "meters/postgresql", "--snaplen", "4096", "--control", join(folder, "c.sock")];
    this.#group = start([...VEDETTE, "run", ...flags, "--", ...both, ...server], { cwd: folder, limitMs: 200_000 });
  }

  async end(): Promise<void> {
    for (const name of ["go", "over"]) writeFileSync(join(this.folder, name), "");
    await this.#group?.ended;
    endGroup(this.#group?.child.pid);
  }

  /** Runs watched clients over TCP, which first ask for encryption, one after the other. */
  async run(commands: readonly (readonly string[])[]): Promise<void> {
    const where = ["-h", "127.0.0.1", "-p", `${this.#port}`, "-U", "postgres"];
    const quoted = (word: string): string => `'${word}'`;
    const lines = commands.map(([program, ...words]) => [bin(program!), ...where, ...words].map(quoted).join(" "));
    writeFileSync(join(this.folder, "run.sh"), lines.join("\n"));
    writeFileSync(join(this.folder, "go"), "");
    await until("the clients are done", () => existsSync(join(this.folder, "done")), { tell: this.told });
  }

  async client(): Promise<Client> {
    const client = new Client({ host: "127.0.0.1", port: this.#port, user: "postgres", database: "postgres" });
    await client.connect();
    return client;
  }

  isReady(): boolean {
    return spawnSync(bin("pg_isready"), ["-h", "127.0.0.1", "-p", `${this.#port}`]).status === 0;
  }

  scrape(): string {
    return scraped(this.#socket);
  }

  /** What the meter has counted: statements that were completed, and errors. */
  get counted(): { statements: Counts; errors: Counts } {
    return this.#counted("server");
  }

  /** Likewise, as the watched clients saw it. */
  get asked(): { statements: Counts; errors: Counts } {
    return this.#counted("client");
  }

  #counted(side: string): { statements: Counts; errors: Counts } {
    const statements: Counts = {};
    const errors: Counts = {};
    for (const { of, value: count } of seriesOf(this.#socket, `db_${side}_operation_duration_seconds_count`)) {
      const [name, error] = [of("db_operation_name"), of("error_type")];
      if (error === "") add(statements, name, count);
      else add(errors, error, count);
    }
    return { statements: positive(statements), errors: positive(errors) };
  }

  /** By SQLSTATE, as the server has logged them. */
  errors(): Counts {
    const counts: Counts = {};
    for (const [, code] of this.told().matchAll(/^([0-9A-Z]{5})\|(?:ERROR|FATAL): {2}/gm)) add(counts, code!, 1);
    return counts;
  }
}

async function traffic(served: Served): Promise<void> {
  const write = (name: string, text: string): string => {
    writeFileSync(join(served.folder, name), text);
    return join(served.folder, name);
  };
  const select = "SELECT abalance FROM pgbench_accounts WHERE aid = 7;\n";
  const pipeline = write(
    "pipeline.sql",
    `\\startpipeline\n${select.repeat(5)}UPDATE pgbench_tellers SET tbalance = 1 WHERE tid = 1;\n\\endpipeline\n`,
  );
  const rows = write("rows.tsv", Array.from({ length: 5_000 }, (_, i) => `${i}\n`).join(""));
  const copies = ["-c", `\\copy copied FROM ${rows}`, "-c", "\\copy copied TO /dev/null"];
  const modes = ["simple", "extended", "prepared"];
  const before = served.counted.statements;
  await served.run([
    ["pgbench", "-i", "-q", "postgres"],
    ...modes.map((mode) => ["pgbench", "-n", "-M", mode, "-c", `${CLIENTS}`, "-t", `${TRANSACTIONS}`, "postgres"]),
    ["pgbench", "-n", "-C", "-S", "-t", "50", "postgres"],
    ["pgbench", "-n", "-M", "extended", "-f", pipeline, "-t", "20", "postgres"],
    ["pgbench", "-n", "-M", "prepared", "-f", pipeline, "-t", "20", "postgres"],
    ["psql", "-c", "CREATE TABLE copied (n int)", ...copies, "postgres"],
  ]);
  const more = (): Counts => {
    const now = { ...served.counted.statements };
    for (const [name, count] of Object.entries(before)) add(now, name, -count);
    return positive(now);
  };
  await until("both ends tell the same", () => JSON.stringify(more()) === JSON.stringify(served.asked.statements), {
    ms: 20_000,
    tell: () => `the server ${JSON.stringify(more())}, the clients ${JSON.stringify(served.asked.statements)}`,
  });
  const client = await served.client();
  client.on("error", () => undefined);
  await client.query("CREATE TABLE once (n int PRIMARY KEY); INSERT INTO once VALUES (1)");
  for (let i = 0; i < ROUNDS; i++) {
    for (const text of ERRORS) await client.query(text).catch(() => undefined);
    for (const text of ERRORS) await client.query({ text: `${text} -- $1`, values: [] }).catch(() => undefined);
    await client.query("/* a /* comment */ */ -- more\n (SELECT $1::text)", ["x".repeat(50_000)]);
    await client.query({ name: "much", text: "SELECT n, repeat('x', 100) FROM copied WHERE n < $1", values: [2_000] });
    await client.query(
      "WITH a AS (SELECT 1) SELECT * FROM a; SELECT 2; BEGIN; DELETE FROM copied WHERE n = 1; ROLLBACK",
    );
    await client.query({ name: "fails", text: "SELECT 1 / $1::int", values: [0] }).catch(() => undefined);
    await client.query("");
  }
  await client.end();
  const stranger = await served.client();
  await stranger.query("SET statement_timeout = 50");
  await stranger.query("SELECT pg_sleep(5)").catch(() => undefined);
  await stranger.end();
}

test("what the meter counts by statement and error is what PostgreSQL has counted", async () => {
  if (missing !== null) return console.log(`skip: ${missing} is missing`);
  const served = new Served();
  await served.start();
  try {
    await until("PostgreSQL answers", () => served.isReady(), { tell: served.told });
    const judge = await served.client();
    await judge.query("CREATE EXTENSION pg_stat_statements");
    await judge.query("SELECT pg_stat_statements_reset()");
    await judge.query("LISTEN begin");
    await until("the begin is counted", () => served.counted.statements.LISTEN === 1, {
      tell: () => served.scrape(),
    });
    const { statements: before, errors: failed } = served.counted;
    const logged = served.errors();
    await traffic(served);
    const { rows } = await judge.query("SELECT query, calls FROM pg_stat_statements");
    await judge.query("UNLISTEN begin");
    await judge.end();
    const wanted: Counts = { ...before };
    // Where a prepared BEGIN or END is executed again, pg_stat_statements counts it no more: it takes its
    // number away when it is executed first (pgss_ProcessUtility).
    for (const verb of ["BEGIN", "COMMIT"]) add(wanted, verb, CLIENTS * (TRANSACTIONS - 1));
    for (const { query, calls } of rows as { query: string; calls: string }[]) {
      const verb = /^(?:\s|\(|--.*|\/\*.*\*\/)*(\w+)/.exec(query)![1]!.toUpperCase();
      if (!/^LISTEN begin|pg_stat_statements_reset/.test(query)) add(wanted, COMPLETED[verb] ?? verb, Number(calls));
    }
    add(wanted, "SELECT", 1); // what asks for them
    add(wanted, "UNLISTEN", 1);
    const tell = (): string =>
      `${JSON.stringify(served.counted)}; PostgreSQL has counted ${JSON.stringify(positive(wanted))}`;
    await until("the last statement is counted", () => served.counted.statements.UNLISTEN === 1, { ms: 20_000, tell });
    assert.equal(served.counted.statements, positive(wanted));
    const errors = served.errors();
    for (const [code, count] of Object.entries(logged)) add(errors, code, -count + (failed[code] ?? 0));
    assert.equal(served.counted.errors, positive(errors));
    assert.not.match(served.scrape(), /s3cret/i);
    assert.not.match(served.scrape(), /^vedette_monitor_unsynced_total/m);
  } finally {
    await served.end();
  }
});

test.run();
