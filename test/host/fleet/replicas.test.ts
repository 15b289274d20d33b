// SPDX-License-Identifier: Apache-2.0
// What a pool of judges makes on a cluster of three servers of the bus: kept by as many as were asked for.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JudgePool } from "../../../host/fleet/pool.js";
import { until } from "../../until.js";
import { missing } from "../output/nats-server.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

const SERVERS = 3;
const folder = mkdtempSync(join(tmpdir(), "cluster-"));
const servers: ChildProcess[] = [];
test.after(async () => {
  for (const server of servers) {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

async function freePorts(count: number): Promise<number[]> {
  const held = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(held.map((one) => once(one, "listening")));
  const ports = held.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(held.map((one) => new Promise((done) => one.close(done))));
  return ports;
}

/** Gives the servers' URL, when they have a leader. */
async function cluster(): Promise<string> {
  const ports = await freePorts(2 * SERVERS);
  const [clients, routes] = [ports.slice(0, SERVERS), ports.slice(SERVERS)];
  for (const [i, port] of clients.entries()) {
    const config = join(folder, `${i}.conf`);
    const others = routes.map((route) => `"nats://127.0.0.1:${route}"`).join(", ");
    writeFileSync(
      config,
      `server_name: s${i}\nlisten: "127.0.0.1:${port}"\nmax_payload: 2MB\njetstream: {store_dir: "${folder}/${i}"}\n` +
        `cluster: {name: c, listen: "127.0.0.1:${routes[i]}", routes: [${others}]}\n`,
    );
    servers.push(spawn("/usr/sbin/nats-server", ["-c", config], { stdio: "ignore" }));
  }
  const url = clients.map((port) => `nats://127.0.0.1:${port}`).join(",");
  await until("the cluster has a leader", async () => {
    const connection = await connect({ servers: url.split(","), reconnect: false }).catch(() => null);
    const info = await connection?.request("$JS.API.INFO").then(
      (answer) => answer.json<{ error?: unknown }>(),
      () => null,
    );
    await connection?.close();
    return info != null && info.error === undefined;
  });
  return url;
}

test("streams and buckets that a pool makes are kept by three servers", async () => {
  const url = await cluster();
  const stopped = new AbortController();
  const said: string[] = [];
  const pool = new JudgePool({
    bus: { url },
    store: { write: async () => ({ outcome: "done" }) },
    ...{ partitions: 2, policies: [], replicas: 3, say: (line: string) => said.push(line) },
  });
  const running = pool.run(stopped.signal);
  const connection = await connect({ servers: url.split(",") });
  const { streams } = await jetstreamManager(connection);
  const replicasOf = (name: string): Promise<number | null> =>
    streams.info(name).then(
      ({ config }) => config.num_replicas,
      () => null,
    );
  const NAMES = ["VB_0", "VB_1", "KV_VD_LEASE", "KV_VD_SNAP"];
  await until("all is made", async () => (await Promise.all(NAMES.map(replicasOf))).every((count) => count !== null), {
    tell: () => said.join("\n"),
    everyMs: 200,
  });
  assert.equal(await Promise.all(NAMES.map(replicasOf)), [3, 3, 3, 3]);
  await until("both are judged", () => pool.partitions.length === 2, { tell: () => said.join("\n") });
  await connection.close();
  stopped.abort();
  await running;
});

test.run();
