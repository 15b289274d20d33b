// SPDX-License-Identifier: Apache-2.0
// What a pool of judges makes on a cluster of three servers of the bus: kept by as many as were asked for.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

/** Of this process alone: a port that was free a moment ago may be another process' by now. */
const ADDRESS = `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
/** For clients and for each other; not from where the kernel takes ports for connections. */
const PORTS = [4222, 4223, 4224].map((port) => ({ port, route: port + 2000 }));
const folder = mkdtempSync(join(tmpdir(), "cluster-"));
const servers: ChildProcess[] = [];
const logs = new Map<number, string>();
/** What the servers said last. */
const told = (): string => [...logs].map(([port, log]) => `server ${port}: ${log.slice(-2_000)}`).join("\n");
const stopped = new AbortController();
test.after(async () => {
  stopped.abort();
  for (const server of servers) {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Gives the servers' URL, when they have a leader. */
async function cluster(): Promise<string> {
  const others = PORTS.map(({ route }) => `"nats://${ADDRESS}:${route}"`).join(", ");
  for (const { port, route } of PORTS) {
    const config = join(folder, `${port}.conf`);
    writeFileSync(
      config,
      `server_name: s${port}\nlisten: "${ADDRESS}:${port}"\nmax_payload: 2MB\n` +
        `jetstream: {store_dir: "${folder}/${port}"}\n` +
        `cluster: {name: c, listen: "${ADDRESS}:${route}", routes: [${others}]}\n`,
    );
    const server = spawn("/usr/sbin/nats-server", ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    server.stderr.setEncoding("utf8").on("data", (part: string) => logs.set(port, (logs.get(port) ?? "") + part));
    servers.push(server);
  }
  const url = PORTS.map(({ port }) => `nats://${ADDRESS}:${port}`).join(",");
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
  const said: string[] = [];
  const pool = new JudgePool({
    bus: { url },
    store: { write: async () => ({ outcome: "done" }) },
    ...{ partitions: 2, policies: [], replicas: 3, say: (line: string) => said.push(line) },
  });
  const running = pool.run(stopped.signal);
  const connection = await connect({ servers: url.split(",") });
  stopped.signal.addEventListener("abort", () => void connection.close());
  const { streams } = await jetstreamManager(connection);
  const replicasOf = (name: string): Promise<number | null> =>
    streams.info(name).then(
      ({ config }) => config.num_replicas,
      () => null,
    );
  const NAMES = ["VB_0", "VB_1", "KV_VD_LEASE", "KV_VD_SNAP"];
  await until("all is made", async () => (await Promise.all(NAMES.map(replicasOf))).every((count) => count !== null), {
    tell: () => `${said.join("\n")}\n${told()}`,
    everyMs: 200,
  });
  assert.equal(await Promise.all(NAMES.map(replicasOf)), [3, 3, 3, 3]);
  await until("both are judged", () => pool.partitions.length === 2, { tell: () => `${said.join("\n")}\n${told()}` });
  stopped.abort();
  await running;
});

test.run();
