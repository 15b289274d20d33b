// SPDX-License-Identifier: Apache-2.0
//
// The meter of MySQL against MariaDB's own word: its general log for statements, its log of errors for
// errors, its Com_ counters for what writes. A true server, true clients, and all must have counted the same;
// those clients that are watched, too, must have asked for what the server has executed. mariadb-slap, -dump,
// -import and the shell speak the text protocol and send files; sysbench prepares its transactions, of which
// some fail because others hold a row. A client in here prepares and executes, with and without an end behind
// columns, on a cursor, and calls procedures.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { close, command, execute, login, NO_EOFS, prepare, query } from "../meters/mysql-packets.js";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const missing = ["mariadbd", "mariadb-install-db", "mariadb-slap", "sysbench", "curl"].find(
  (name) => !hasCommand(name),
);
const ROUNDS = 10;
const ERRORS = ["SELEC 1", "SELECT * FROM d.nowhere", "INSERT INTO d.once VALUES (1)", "SIGNAL SQLSTATE '45000'"];
/** What InnoDB refuses because others have changed or hold a row: sql_errlog logs each of these twice. */
const CONFLICTS = ["1020", "1213"];
/** The shell sends a comment for a server of a later version: /*M!999999 enable the sandbox mode. */
const NO_STATEMENTS = ["SELEC", "ENABLE"];
/** What is counted as it is executed, whether or not it fails then. */
const COUNTED = { INSERT: "insert", UPDATE: "update", DELETE: "delete", REPLACE: "replace", COMMIT: "commit" } as const;

class Served {
  readonly folder = scratch();
  readonly #socket = join(this.folder, "c.sock");
  port = 0;
  #group: ReturnType<typeof start> | null = null;
  told = "";

  async start(): Promise<void> {
    const { folder } = this;
    this.port = await freePort();
    const data = join(folder, "data");
    const made = ["--no-defaults", `--datadir=${data}`, "--user=root"];
    execFileSync("mariadb-install-db", [...made, "--auth-root-authentication-method=normal", "--skip-test-db"], {
      stdio: "pipe",
    });
    const server = [
      "mariadbd",
      ...made,
      `--port=${this.port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "sock")}`,
      "--skip-ssl",
      "--general-log=1",
      `--general-log-file=${join(folder, "general")}`,
      "--plugin-load-add=sql_errlog",
      `--sql-error-log-filename=${join(folder, "errors")}`,
      "--local-infile=1",
      "--innodb-flush-log-at-trx-commit=0",
    ];
    const both = [
      "sh",
      "-c",
      `"$@" & server=$!; until [ -e go ]; do sleep 0.1; done; sh -e run.sh >out 2>&1; echo $? >ended; mv ended done; until [ -e over ]; do sleep 0.1; done; kill $server; wait`,
      "sh",
    ];
    const flags = ["--policy", "meters/mysql", "--snaplen", "4096", "--control", this.#socket];
    this.#group = start([...VEDETTE, "run", ...flags, "--", ...both, ...server], { cwd: folder, limitMs: 200_000 });
    this.#group.child.stderr?.on("data", (bytes: Buffer) => {
      this.told += bytes;
    });
  }

  async end(): Promise<void> {
    for (const name of ["go", "over"]) writeFileSync(join(this.folder, name), "");
    await this.#group?.ended;
    endGroup(this.#group?.child.pid);
  }

  /** Runs watched clients, one after the other, on TCP and on the Unix socket. */
  async run(lines: readonly string[]): Promise<void> {
    writeFileSync(join(this.folder, "run.sh"), lines.join("\n"));
    writeFileSync(join(this.folder, "go"), "");
    const tell = (): string => `${readFileSync(join(this.folder, "out"), "utf8")}\n${this.told}`;
    await until("the clients are done", () => existsSync(join(this.folder, "done")), { ms: 120_000, tell });
    assert.is(readFileSync(join(this.folder, "done"), "utf8"), "0\n", tell());
  }

  scrape(): string {
    return scraped(this.#socket);
  }

  /** What the meter has counted: statements, and errors. */
  counted(side: "server" | "client"): { statements: Counts; errors: Counts } {
    const statements: Counts = {};
    const errors: Counts = {};
    for (const { of, value: count } of seriesOf(this.#socket, `db_${side}_operation_duration_seconds_count`)) {
      add(statements, of("db_operation_name"), count);
      if (of("error_type") !== "") add(errors, of("error_type"), count);
    }
    return { statements: sorted(statements), errors: sorted(errors) };
  }

  /** What the server has logged of statements. */
  logged(): Counts {
    const counts: Counts = {};
    const lines = readFileSync(join(this.folder, "general"), "utf8");
    for (const [, text] of lines.matchAll(
      /^(?:\d{6} +[\d:]+)?\t+ *\d+ (?:Query|Execute)\t(.*(?:\n(?!\t|\d{6} ).*)?)$/gm,
    )) {
      const verb = /^(?:\s|\(|#.*|\/\*M?!\d*|\/\*.*?\*\/)*(\w+)/.exec(text!)![1]!.toUpperCase();
      add(counts, NO_STATEMENTS.includes(verb) ? "_OTHER" : verb, 1);
    }
    return sorted(counts);
  }

  /** And of errors, by their numbers. */
  errors(): Counts {
    const counts: Counts = {};
    const lines = readFileSync(join(this.folder, "errors"), "utf8");
    for (const [, number] of lines.matchAll(/ ERROR (\d+): /g))
      add(counts, number!, CONFLICTS.includes(number!) ? 0.5 : 1);
    return sorted(counts);
  }

  /** Conflicts that sysbench has met. */
  conflicts(): number {
    const said = readFileSync(join(this.folder, "out"), "utf8").matchAll(/ignored errors: +(\d+)/g);
    return [...said].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}

/** A client that sends what it is given, and waits for the answer. */
class Client {
  readonly #socket: Socket;
  readonly #hasEofs: boolean;
  #left = Buffer.alloc(0);
  #wake = (): void => undefined;

  private constructor(port: number, hasEofs: boolean) {
    this.#hasEofs = hasEofs;
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (bytes) => {
      this.#left = Buffer.concat([this.#left, bytes]);
      this.#wake();
    });
  }

  static async open(port: number, hasEofs: boolean): Promise<Client> {
    const client = new Client(port, hasEofs);
    await client.#packet();
    const multiResults = 1 << 17;
    client.#write(login(multiResults | (1 << 15) | (hasEofs ? 0 : NO_EOFS)));
    assert.is((await client.#packet())[0], 0, "the login");
    return client;
  }

  end(): void {
    this.#write(command(1));
    this.#socket.end();
  }

  /** Does not wait. */
  tell(bytes: string): void {
    this.#write(bytes);
  }

  async ask(bytes: string): Promise<void> {
    this.#write(bytes);
    while (await this.#result());
  }

  /** Gives the statement's number; 0: it cannot be prepared. */
  async prepare(text: string): Promise<number> {
    this.#write(prepare(text));
    const first = await this.#packet();
    if (first[0] === 0xff) return 0;
    for (const count of [first.readUInt16LE(7), first.readUInt16LE(5)])
      for (let i = 0; i < (count > 0 && this.#hasEofs ? count + 1 : count); i++) await this.#packet();
    return first.readUInt32LE(1);
  }

  /** One result. Whether another one follows. */
  async #result(): Promise<boolean> {
    const first = await this.#packet();
    if (first[0] === 0xff) return false;
    if (first[0] === 0) return (first[3]! & 8) !== 0;
    for (let ends = this.#hasEofs ? 2 : 1; ; ) {
      const next = await this.#packet();
      if (next[0] === 0xff) return false;
      if (next[0] !== 0xfe || next.length > 8) continue;
      const status = next[3]!;
      if (--ends === 0 || (status & 0x40) !== 0) return (status & 8) !== 0;
    }
  }

  async #packet(): Promise<Buffer> {
    const size = (): number => (this.#left.length < 4 ? 0xffffff : this.#left.readUIntLE(0, 3));
    while (this.#left.length < 4 + size()) await new Promise<void>((wake) => (this.#wake = wake));
    const end = 4 + size();
    const body = this.#left.subarray(4, end);
    this.#left = this.#left.subarray(end);
    return body;
  }

  #write(bytes: string): void {
    this.#socket.write(Buffer.from(bytes, "latin1"));
  }
}

async function prepared(client: Client): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) {
    const [select, insert, dual] = [
      await client.prepare("SELECT a, b FROM d.t WHERE a < 100"),
      await client.prepare("/* b */ INSERT INTO d.once VALUES (1)"),
      await client.prepare("# none\n SELECT 1, 2 FROM dual WHERE 1 = 1"),
    ];
    for (const one of [select, insert, dual, select]) await client.ask(execute(one));
    client.tell(close(insert));
    await client.ask(execute(select, "\x01")); // on a cursor
    for (const text of ERRORS) await client.ask(query(text));
    await client.prepare("SELECT nothing FROM d.nowhere");
    await client.ask(query("CALL d.p()"));
    await client.ask(command(0x0e));
    await client.ask(query(`REPLACE INTO d.t VALUES (1, '${"x".repeat(50_000)}')`));
    await client.ask(query("DELETE FROM d.t WHERE a = 1"));
    await client.ask(command(0x1f)); // as a pool does
  }
  client.end();
}

async function traffic(served: Served): Promise<void> {
  const rows = join(served.folder, "t.tsv");
  writeFileSync(rows, Array.from({ length: 5_000 }, (_, i) => `${i + 10}\trow ${i}\n`).join(""));
  const to = (how: string): string => `--no-defaults --skip-ssl -u root ${how}`;
  const [tcp, unix] = [to(`--protocol=tcp -h 127.0.0.1 -P ${served.port}`), to(`-S '${join(served.folder, "sock")}'`)];
  const made =
    "CREATE DATABASE d; USE d; CREATE TABLE t (a int PRIMARY KEY, b longtext); CREATE TABLE once (a int PRIMARY KEY); INSERT INTO once VALUES (1)";
  const bench = `sysbench oltp_read_write --mysql-host=127.0.0.1 --mysql-port=${served.port} --mysql-user=root --mysql-db=d --table-size=1000 --threads=4 --time=0`;
  const slap = "--auto-generate-sql --auto-generate-sql-load-type=mixed --number-of-queries=400 --concurrency=4";
  await served.run([
    `until mariadb-admin ${unix} ping; do sleep 0.2; done`,
    `mariadb ${tcp} -e "${made}"`,
    `mariadb ${tcp} --delimiter=// d -e "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT a FROM t LIMIT 5; END"`,
    `mariadb-import ${tcp} --local d '${rows}'`,
    `mariadb-slap ${tcp} ${slap}`,
    `mariadb-slap ${unix} ${slap}`,
    `${bench} prepare`,
    `${bench} --events=200 run`,
    `${bench} --events=100 --db-ps-mode=disable run`,
    `mariadb ${tcp} d -e "BEGIN; UPDATE t SET b = 'y' WHERE a < 50; COMMIT; SELECT * FROM t" >/dev/null`,
    `mariadb-dump ${tcp} d > dump.sql`,
    `mariadb ${unix} d < dump.sql`,
    `mariadb-admin ${tcp} status`,
    `mariadb ${tcp} d -e "SELECT 's3cret'; SELECT 1; SELEC 1" || true`,
  ]);
}

test("what the meter counts by statement and error is what MariaDB has logged and counted", async () => {
  if (missing !== undefined) return console.log(`skip: ${missing} is missing`);
  const served = new Served();
  await served.start();
  try {
    await traffic(served);
    const both = (): string => JSON.stringify([served.counted("server"), served.counted("client")]);
    await until("both ends tell the same", () => new Set(JSON.parse(both()).map(JSON.stringify)).size === 1, {
      ms: 20_000,
      tell: both,
    });
    for (const hasEofs of [false, true]) await prepared(await Client.open(served.port, hasEofs));
    const status = execFileSync(
      "mariadb",
      [
        "--no-defaults",
        "--skip-ssl",
        "-u",
        "root",
        "-S",
        join(served.folder, "sock"),
        "-N",
        "-e",
        "SHOW GLOBAL STATUS LIKE 'Com\\_%'",
      ],
      { encoding: "utf8" },
    );
    // A statement that cannot be prepared is logged as one that is prepared.
    const logged = (): Counts => {
      const counts = served.logged();
      add(counts, "SELECT", 2 * ROUNDS);
      return counts;
    };
    const shown = (): number => served.counted("server").statements.SHOW ?? 0;
    const tell = (): string => JSON.stringify({ counted: served.counted("server"), logged: served.logged() });
    await until("the last statement is counted", () => shown() === served.logged().SHOW, { ms: 20_000, tell });
    assert.equal(served.counted("server").statements, logged());
    const { errors } = served.counted("server");
    assert.equal(errors, served.errors());
    const conflicts = CONFLICTS.reduce((sum, number) => sum + (errors[number] ?? 0), 0);
    assert.ok(conflicts > 0);
    assert.is(conflicts, served.conflicts());
    for (const [verb, name] of Object.entries(COUNTED)) {
      const [, count] = new RegExp(`^Com_${name}\t(\\d+)$`, "m").exec(status)!;
      assert.is(served.counted("server").statements[verb], Number(count), verb);
    }
    assert.not.match(served.scrape(), /s3cret/i);
    assert.not.match(served.scrape(), /^vedette_monitor_unsynced_total/m);
  } finally {
    await served.end();
  }
});

test.run();
