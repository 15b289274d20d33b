// SPDX-License-Identifier: Apache-2.0
// Places of snapshots keep their contract: the one of the tests, and the one in a bucket of a real
// nats-server.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KvSnapshots } from "../../../host/fleet/kv-snapshots.js";
import type { SnapshotRow } from "../../../host/fleet/snapshots.js";
import { NatsClient } from "../../../host/output/nats-client.js";
import { missing, NatsServer } from "../output/nats-server.js";
import { MemorySnapshots } from "./memory-bus.js";
import { CONTRACT, type OpenedSnapshots } from "./snapshots-contract.js";

if (missing !== null) throw new Error(`it needs ${missing}`);

/** A server, and two hosts' places on it. */
async function onNats(work: (opened: OpenedSnapshots, server: NatsServer) => Promise<void>): Promise<void> {
  const server = await NatsServer.start();
  const clients = [new NatsClient({ url: server.url }), new NatsClient({ url: server.url })];
  const [one, other] = clients.map((client) => new KvSnapshots({ client, bucket: "SNAP", replicas: 1 }));
  try {
    await work({ one: one!, other: other! }, server);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await server.end();
  }
}

for (const [title, show] of CONTRACT) {
  test(`memory: ${title}`, async () => {
    const place = new MemorySnapshots();
    await show({ one: place, other: place });
  });
  test(`nats: ${title}`, () => onNats(show));
}

const ROW: SnapshotRow = { epoch: 1, seq: 0, object: null, tries: 0, trying: null };

test("nats: a row that somebody wrote in another form is none, and is written anew at its revision", () =>
  onNats(async ({ one }, server) => {
    await one.write(1, ROW, 0);
    const client = new NatsClient({ url: server.url });
    const connection = await client.connected(AbortSignal.timeout(5_000));
    const forms = [
      '{"epoch":-1,"seq":0,"object":null,"tries":0,"trying":null}',
      "[",
      "\xff",
      JSON.stringify({ ...ROW, more: 1 }),
    ];
    for (const form of forms) connection.publish("$KV.SNAP.p.1", form);
    await connection.flush();
    await client.close();
    const { row, revision } = await one.row(1);
    assert.equal([row, revision], [null, 1 + forms.length]);
    assert.type(await one.write(1, ROW, revision), "number");
  }));

test("nats: an object of which a part is gone is none, and a server that is gone is an error", () =>
  onNats(async ({ one }, server) => {
    const name = await one.put(2, 1, 0, Buffer.alloc(2 << 20, 1));
    await server.purge("KV_SNAP", "$KV.SNAP.s.2.1.0.1");
    assert.is(await one.get(name), null);
    await server.kill();
    const failed = await one.row(2).catch(() => "failed");
    assert.is(failed, "failed");
    await server.resume();
    assert.equal(await one.row(2), { row: null, revision: 0 });
  }));

test.run();
