// SPDX-License-Identifier: Apache-2.0
// What a pool of judges makes on a cluster of three servers of the bus: kept by as many as were asked for.
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JudgePool } from "../../../host/fleet/pool.js";
import { until } from "../../until.js";
import { Cluster } from "./cluster.js";

const stopped = new AbortController();
let cluster: Cluster;
test.before(async () => {
  cluster = await Cluster.start();
});
test.after(async () => {
  stopped.abort();
  await cluster.end();
});

test("streams and buckets that a pool makes are kept by three servers", async () => {
  const said: string[] = [];
  const tell = (): string => `${said.join("\n")}\n${cluster.told}`;
  const pool = new JudgePool({
    bus: { url: cluster.url },
    store: { write: async () => ({ outcome: "done" }) },
    ...{ partitions: 2, policies: [], replicas: 3, say: (line: string) => said.push(line) },
  });
  const running = pool.run(stopped.signal);
  const connection = await connect({ servers: cluster.urls });
  stopped.signal.addEventListener("abort", () => void connection.close());
  const { streams } = await jetstreamManager(connection);
  const replicasOf = (name: string): Promise<number | null> =>
    streams.info(name).then(
      ({ config }) => config.num_replicas,
      () => null,
    );
  const NAMES = ["VB_0", "VB_1", "KV_VD_LEASE", "KV_VD_SNAP"];
  await until("all is made", async () => (await Promise.all(NAMES.map(replicasOf))).every((count) => count !== null), {
    ...{ tell, everyMs: 200 },
  });
  assert.equal(await Promise.all(NAMES.map(replicasOf)), [3, 3, 3, 3]);
  await until("both are judged", () => pool.partitions.length === 2, { tell });
  stopped.abort();
  await running;
});

test.run();
