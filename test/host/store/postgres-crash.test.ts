// SPDX-License-Identifier: Apache-2.0
// A host that is killed while it writes to PostgreSQL, and a PostgreSQL that is killed while a host writes:
// what was acknowledged is there, and counts agree with rows.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missing, PostgresServer } from "./postgres-server.js";

const KILLS = 3;
const WAIT_MS_MAX = 120_000;
const WRITER = fileURLToPath(new URL("./crash-writer.ts", import.meta.url));

/** What one writer acknowledged. */
class Writer {
  readonly #child: ChildProcess;
  #text = "";

  constructor(address: string, from: number) {
    this.#child = spawn(process.execPath, ["--import", "tsx", WRITER, address, String(from)], {
      stdio: ["ignore", "pipe", "ignore"], // it says that the database is away
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (part: string) => {
      this.#text += part;
    });
  }

  /** Numbers of findings, from the first on. */
  get acknowledged(): number[] {
    return this.#text.split("\n").slice(0, -1).map(Number);
  }

  /** Resolves when it has acknowledged so many batches more. */
  async more(batches: number): Promise<void> {
    const wanted = this.acknowledged.length + batches;
    for (const until = performance.now() + WAIT_MS_MAX; this.acknowledged.length < wanted; ) {
      const { exitCode } = this.#child;
      if (exitCode !== null || performance.now() > until)
        throw new Error(`expected: ${wanted} batches; got: ${this.acknowledged.length}, exit ${exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** As a crash does. Gives the last number that it acknowledged. */
  async kill(): Promise<number> {
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await gone;
    return this.acknowledged.at(-1) ?? -1;
  }
}

/** All that is there, which has to be all that was acknowledged; gives the numbers. */
async function checked(server: PostgresServer, address: string, acknowledged: number): Promise<Set<number>> {
  const one = async (text: string): Promise<number> => Number((await server.sql(address, text))[0]!.n);
  const rows = await server.sql(address, "SELECT text FROM vedette.word WHERE text LIKE 'rule %'");
  const numbers = new Set(rows.map(({ text }) => Number(String(text).slice(5))));
  for (let i = 0; i <= acknowledged; i++) assert.ok(numbers.has(i), `finding ${i} of ${acknowledged} is lost`);
  const held = await one("SELECT count(*) AS n FROM vedette.finding");
  assert.is(await one("SELECT count(DISTINCT id) AS n FROM vedette.finding"), held, "each is there once");
  for (const sum of ["sum(findings) AS n FROM vedette.tally", "sum(count) AS n FROM vedette.rollup_minute"])
    assert.is(await one(`SELECT ${sum}`), held, sum);
  assert.is(await one("SELECT sum(count) AS n FROM vedette.rollup_hour"), held);
  assert.ok((await one("SELECT count(*) AS n FROM vedette.incident")) >= Math.floor(acknowledged / 50) + 1);
  assert.is(
    await one(
      "SELECT count(*) AS n FROM vedette.incident i LEFT JOIN vedette.incident_rest r USING (seq) WHERE r.seq IS NULL",
    ),
    0,
  );
  return numbers;
}

if (missing !== null) console.log(`skip: ${missing} is missing (test/host/store/postgres-crash.test.ts)`);
else
  test("nothing that was acknowledged is lost, however often the host is killed, and PostgreSQL", async () => {
    // What an operating system has not yet written is no matter here: it does not crash.
    const server = await PostgresServer.start(["synchronous_commit=off"]);
    const address = await server.database();
    try {
      let from = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const writer = new Writer(address, from);
        await writer.more(3 + 5 * kill);
        const last = await writer.kill();
        assert.ok(last > from, `it acknowledged ${last}`);
        from = Math.max(...(await checked(server, address, last))) + 1;
      }
      const writer = new Writer(address, from);
      for (let kill = 0; kill < KILLS; kill++) {
        await writer.more(4);
        const BACKENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vedette'";
        if (kill === 1) await server.sql(address, BACKENDS);
        else await server.kill();
        if (kill !== 1) await server.resume();
      }
      await writer.more(4);
      await checked(server, address, await writer.kill());
    } finally {
      await server.end();
    }
  });

test.run();
