// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL forks a backend a connection, and ends them all when one of them dies: whatever a birth does
// wrong shows in its log. It serves a connection a transaction, and has backends killed, bare and watched by
// the whole product; its log says the same. `VEDETTE_POSTGRES_SECONDS=1800` serves for half an hour each,
// watched.
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, start, VEDETTE } from "./programs.js";

const SECONDS = Number(process.env.VEDETTE_POSTGRES_SECONDS ?? "8");
const BARE_SECONDS_MAX = 60;
const LIMIT_MS = 60_000 + SECONDS * 2_000;
const CLIENTS = 16;
const KILL_EVERY_MS = 1_500;
const PORT = "5544";
/** By which PostgreSQL knows where its log ends (xlogreader.c): it depends on what stood there before. */
const LOG_ENDS =
  /record length|prev-link|resource manager|magic number|info bits|page ?addr|timeline ID|contrecord|in (log|WAL) segment/;
/** What a server says or not, by who has just connected and what it had just written. */
const CHANCE =
  /in recovery mode|not yet accepting|starting up|redo |could not|^CONTEXT|^DETAIL|^HINT|^WARNING|checkpoint|terminating (connection|autovacuum)|client lost/;

const folder = "/usr/lib/postgresql";
const version = existsSync(folder) ? readdirSync(folder).at(-1) : undefined;
const bin = (name: string) => join(folder, version!, "bin", name);
const missing = version === undefined ? "PostgreSQL" : process.getuid?.() !== 0 ? "root" : null;

interface Served {
  /** Kinds of lines: numbers taken out, each once. */
  readonly log: string[];
  readonly text: string;
  readonly transactions: number;
  readonly kills: number;
  readonly status: number | null;
  readonly alerts: string[];
}

async function serve(isWatched: boolean, kills: boolean): Promise<Served> {
  const at = scratch();
  const user = execFileSync("id", ["-u", "postgres"], { encoding: "utf8" }).trim();
  chownSync(at, Number(user), -1);
  const as = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"];
  const data = join(at, "data");
  execFileSync(as[0]!, [...as.slice(1), bin("initdb"), "-D", data, "-A", "trust", "-N"], { cwd: at, stdio: "pipe" });
  const alerts = join(at, "alerts.jsonl");
  const before = isWatched ? [...VEDETTE, "run", "--alerts", alerts, "--"] : [];
  const settings = ["-p", PORT, "-k", at, "-c", "listen_addresses=", "-c", "fsync=off"];
  const server = start([...before, ...as, bin("postgres"), "-D", data, ...settings], { cwd: at, limitMs: LIMIT_MS });
  const client = ["-h", at, "-p", PORT, "-U", "postgres"];
  for (let tries = 0; (await run([bin("pg_isready"), ...client])).status !== 0; ++tries) {
    assert.ok(tries < 300, "the server does not start");
    await sleep(100);
  }
  const master = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]!;
  assert.is((await run([bin("pgbench"), ...client, "-i", "-q", "postgres"])).status, 0);
  const until = Date.now() + (isWatched ? SECONDS : Math.min(SECONDS, BARE_SECONDS_MAX)) * 1_000;
  let [transactions, killed] = [0, 0];
  while (Date.now() < until) {
    const seconds = String(Math.ceil((until - Date.now()) / 1_000));
    const load = start([bin("pgbench"), ...client, "-C", "-c", String(CLIENTS), "-n", "-T", seconds, "postgres"], {
      limitMs: LIMIT_MS,
    });
    const isOver = load.ended.then(() => true);
    while (kills && !(await Promise.race([isOver, sleep(KILL_EVERY_MS, false)]))) {
      if (killOne(master)) ++killed;
    }
    const { stdout, stderr, status } = await load.ended;
    if (!kills) assert.is(status, 0, stderr);
    transactions += Number(/actually processed: (\d+)/.exec(stdout)?.[1] ?? 0);
    if (!kills) assert.match(stdout, /failed transactions: 0 /);
    while (kills && (await run([bin("pg_isready"), ...client])).status !== 0) await sleep(100);
  }
  process.kill(Number(master), "SIGINT");
  const { status, stderr } = await server.ended;
  const lines = stderr.split("\n").map((line) =>
    line
      .replace(/^[-\d]+ [:.\d]+ UTC \[\d+\] /, "")
      .replace(at, "")
      .replace(/\d+/g, "N"),
  );
  const told = isWatched
    ? readFileSync(alerts, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
  return {
    log: [...new Set(lines)].filter((line) => !CHANCE.test(line) && !LOG_ENDS.test(line)).sort(),
    text: stderr,
    transactions,
    kills: killed,
    status,
    alerts: told.map((line) => JSON.parse(line).rule),
  };
}

/** Kills a backend of a client: the postmaster's child that says so in its title. */
function killOne(master: string): boolean {
  const children = readFileSync(`/proc/${master}/task/${master}/children`, "utf8").trim().split(" ");
  for (const child of children) {
    try {
      if (!readFileSync(`/proc/${child}/cmdline`, "utf8").startsWith("postgres: postgres postgres")) continue;
      process.kill(Number(child), "SIGKILL");
      return true;
    } catch {} // it has ended meanwhile
  }
  return false;
}

if (missing === null) {
  for (const kills of [false, true]) {
    test(`PostgreSQL, a connection a transaction${kills ? ", backends killed" : ""}: its log is as bare`, async () => {
      const bare = await serve(false, kills);
      const watched = await serve(true, kills);
      const said = `${watched.transactions} transactions, ${watched.kills} kills`;
      console.log(`${said}; bare ${bare.transactions}, ${bare.kills}`);
      assert.equal(watched.log, bare.log);
      assert.equal([watched.status, watched.alerts], [bare.status, []]);
      assert.ok(watched.transactions > 0, said);
      const ended = [...watched.text.matchAll(/\(PID \d+\) was terminated by signal (\d+)/g)].map((match) => match[1]);
      // The server tells of no death while it ends the others after one.
      assert.equal(ended, Array<string>(Math.min(ended.length, watched.kills)).fill("9"));
      assert.is(ended.length > 0, kills, said);
      assert.is(watched.kills > 0, kills, said);
    });
  }
} else console.log(`skip: ${missing} is missing`);

test.run();
