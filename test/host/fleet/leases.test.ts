// SPDX-License-Identifier: Apache-2.0
// Tables of leases keep their contract: the one of the tests, and the one in a bucket of a real nats-server.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KvLeases } from "../../../host/fleet/kv-leases.js";
import type { Leases } from "../../../host/fleet/leases.js";
import { NatsClient } from "../../../host/output/nats-client.js";
import { until } from "../../until.js";
import { missing, NatsServer } from "../output/nats-server.js";
import { CONTRACT, type OpenedLeases } from "./leases-contract.js";
import { MemoryLeases, SharedLeases } from "./memory-leases.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

interface Table {
  readonly opened: OpenedLeases;
  readonly end: () => Promise<void>;
}

const TABLES: Record<string, () => Promise<Table>> = {
  memory: async () => {
    const shared = new SharedLeases();
    return { opened: { one: new MemoryLeases(shared), other: new MemoryLeases(shared) }, end: async () => undefined };
  },
  nats: async () => {
    const server = await NatsServer.start();
    const clients = [new NatsClient({ url: server.url }), new NatsClient({ url: server.url })];
    const [one, other] = clients.map((client) => new KvLeases({ client, bucket: "LEASE", replicas: 1 }));
    const end = async (): Promise<void> => {
      await Promise.all(clients.map((client) => client.close()));
      await server.end();
    };
    return { opened: { one: one as Leases, other: other as Leases }, end };
  },
};

for (const [name, open] of Object.entries(TABLES))
  for (const [title, show] of CONTRACT)
    test(`${name}: ${title}`, async () => {
      const { opened, end } = await open();
      await show(opened);
      await end();
    });

test("nats: a row that somebody wrote in another form is nobody's, and is written anew", async () => {
  const server = await NatsServer.start();
  const client = new NatsClient({ url: server.url });
  const leases = new KvLeases({ client, bucket: "LEASE", replicas: 1 });
  await leases.write({ partition: 1, owner: "a", epoch: 4, beat: 0 }, 0);
  const connection = await client.connected(AbortSignal.timeout(5_000));
  const forms = ['{"owner":7,"epoch":1,"beat":0}', '{"owner":"a","epoch":-1,"beat":0}', "[", "\xff", '{"owner":"a"}'];
  for (const form of forms) connection.publish("$KV.LEASE.p.1", form);
  connection.publish("$KV.LEASE.p.x", "{}");
  await connection.flush();
  const stop = new AbortController();
  const told: (string | null)[] = [];
  let revision = 0;
  const watching = leases.watch(
    {
      onLease: (lease) => {
        told.push(lease.owner);
        ({ revision } = lease);
      },
      onHost: () => undefined,
      onReady: () => undefined,
    },
    stop.signal,
  );
  await until("the last form is told", () => revision === 1 + forms.length);
  assert.equal(told, [null]);
  assert.type(await leases.write({ partition: 1, owner: "b", epoch: 5, beat: 0 }, revision), "number");
  stop.abort();
  await watching;
  await client.close();
  await server.end();
});

test("nats: whoever watches is told when the server is gone, and a write fails within its time", async () => {
  const server = await NatsServer.start();
  const client = new NatsClient({ url: server.url });
  const leases = new KvLeases({ client, bucket: "LEASE", replicas: 1 });
  let isReady = false;
  const onReady = (): void => {
    isReady = true;
  };
  const handlers = { onLease: () => undefined, onHost: () => undefined, onReady };
  let why: unknown;
  const watching = leases.watch(handlers, new AbortController().signal).catch((error: unknown) => (why = error));
  await until("it watches", () => isReady);
  await server.kill();
  await watching;
  assert.match(String(why), /closed the connection/);
  const failed = await leases.write({ partition: 1, owner: "a", epoch: 1, beat: 0 }, 0).catch(() => "failed");
  assert.is(failed, "failed");
  await server.resume();
  assert.type(await leases.write({ partition: 1, owner: "a", epoch: 1, beat: 0 }, 0), "number");
  await client.close();
  await server.end();
});

test.run();
