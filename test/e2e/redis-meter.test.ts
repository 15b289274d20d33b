// SPDX-License-Identifier: Apache-2.0
//
// The meter of Redis against Redis' own counts (INFO commandstats and errorstats): a true server, true
// clients, and both must have counted the same, and those clients that are watched, too. Clients wait for
// replies, pipeline, block, send requests in pieces, speak RESP2, RESP3 and by hand, and ask for what fails.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const port = await freePort();
const ROUNDS = 10;

const request = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;

/** The server, and when it answers, clients that are watched like it. */
const BOTH = `"$@" & server=$!; until redis-cli -p ${port} PING; do sleep 0.1; done >/dev/null 2>&1
redis-benchmark -p ${port} -q -n 3000 -c 8 -t set,get,incr,lpush,lrange_100,mset >/dev/null
redis-benchmark -p ${port} -q -n 8000 -c 8 -P 16 -t set,get,hset >/dev/null
redis-cli -p ${port} -3 LPOP nosuch 1 2 >/dev/null; touch done; until [ -e over ]; do sleep 0.1; done; kill $server; wait`;

/** Sends pieces, each when something has answered the one before, and gives the answers. */
function talk(pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = "";
    let sent = 0;
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    const next = (): void => void (sent < pieces.length ? socket.write(pieces[sent++]!) : socket.end());
    socket
      .on("connect", next)
      .on("error", reject)
      .on("close", () => resolve(heard));
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      next();
    });
  });
}

/** Sends bytes cut at `size`, without waiting, and reads until there are so many lines. */
function cut(text: string, size: number, lines: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    const next = (at: number): void => {
      if (at < text.length) socket.write(text.slice(at, at + size), () => setTimeout(next, 2, at + size));
    };
    socket.on("connect", () => next(0)).on("error", reject);
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      if (heard.split("\r\n").length > lines) socket.end(resolve);
    });
  });
}

const cli = (...words: string[]): string =>
  spawnSync("redis-cli", ["-p", String(port), ...words], { encoding: "utf8", timeout: 60_000 }).stdout;

async function traffic(): Promise<void> {
  for (let i = 0; i < ROUNDS; i++) {
    await talk([request("SET", "big", "x".repeat(100_000)), request("GET", "big"), request("LPOP", "big")]);
    await talk([
      request("HELLO", "3"),
      request("HSET", "h", "a", "1"),
      request("HGETALL", "h"),
      request("SMEMBERS", "no"),
    ]);
    await talk([request("MULTI"), request("SET", "k", "1"), request("LPUSH", "k", "2"), request("EXEC")]);
    await talk([request("EVAL", "return redis.error_reply('S3CRET of a script')", "0"), request("NO.SUCH", "s3cret")]);
    await talk([request("GET"), request("client", "setname", "s3cret"), "ping\r\n", request("BLPOP", "empty", "0.01")]);
    await talk([request("RPUSH", "q", "1"), request("BLPOP", "q", "0"), request("DEL", "q"), request("QUIT")]);
    await cut(request("SET", "k", "v") + request("MGET", "k", "k") + request("PING"), 3, 6);
  }
  assert.match(cli("-3", "GET", "k"), "v");
}

/** Requests by command, and errors by their first word, as Redis has counted them. */
function counted(): { commands: Counts; errors: Counts } {
  const commands: Counts = {};
  const errors: Counts = {};
  for (const line of cli("INFO", "all").split("\r\n")) {
    const command = /^cmdstat_([a-z_-]+).*:calls=(\d+),.*rejected_calls=(\d+)/.exec(line);
    const error = /^errorstat_(\w+):count=(\d+)/.exec(line);
    const name = command?.[1]?.toUpperCase();
    if (name !== undefined) commands[name] = (commands[name] ?? 0) + Number(command![2]) + Number(command![3]);
    if (error !== null) errors[error[1]!] = Number(error[2]);
  }
  return { commands, errors };
}

test("what the meter counts by command and error is what Redis has counted", async () => {
  if (!hasCommand("redis-server") || !hasCommand("curl")) return console.log("skip: redis or curl is missing");
  const server = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  const words = ["--policy", "meters/redis", "--snaplen", "4096", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...words, "--", "sh", "-c", BOTH, "sh", ...server], {
    cwd: folder,
    limitMs: 150_000,
  });
  const sums = (label: string, side = "server"): Counts => {
    const counts: Counts = {};
    for (const { of, value } of seriesOf(socket, `db_${side}_operation_duration_seconds_count`))
      if (of(label) !== "") add(counts, of(label), value);
    return counts;
  };
  try {
    await until("the watched clients are done", () => existsSync(join(folder, "done")), { tell: said });
    const inside = sorted(counted().commands);
    await until(
      "the clients tell of as much",
      () => JSON.stringify(sorted(sums("db_operation_name", "client"))) === JSON.stringify(inside),
      {
        ms: 20_000,
        tell: () =>
          `${JSON.stringify(sorted(sums("db_operation_name", "client")))}; Redis has counted ${JSON.stringify(inside)}`,
      },
    );
    assert.equal(sums("error_type", "client"), { ERR: 1 });
    await traffic();
    const { commands, errors } = counted();
    // INFO cannot count itself. An unknown command has no row of its own. A script's error is on no list. An
    // error within the reply of EXEC is none of the meter's.
    const wanted = sorted({ ...commands, INFO: 2, _OTHER: ROUNDS });
    const { S3CRET, WRONGTYPE, ...listed } = errors;
    const wantedErrors = sorted({ ...listed, _OTHER: S3CRET!, WRONGTYPE: WRONGTYPE! - ROUNDS });
    const isSame = (): boolean =>
      JSON.stringify(sorted(sums("db_operation_name"))) === JSON.stringify(wanted) &&
      JSON.stringify(sorted(sums("error_type"))) === JSON.stringify(wantedErrors);
    await until("the same counts", isSame, {
      ms: 20_000,
      tell: () =>
        `${JSON.stringify([sorted(sums("db_operation_name")), sorted(sums("error_type"))])}; Redis has counted ${JSON.stringify([wanted, wantedErrors])}; ${/^vedette_monitor.*$/m.exec(scraped(socket))?.[0]}`,
    });
    assert.not.match(scraped(socket), /s3cret/i);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
