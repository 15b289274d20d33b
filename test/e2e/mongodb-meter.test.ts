// SPDX-License-Identifier: Apache-2.0
//
// The meter of MongoDB against what a server says that it has answered to MongoDB's own driver for Node: both
// ends must tell of the same commands, with their collections and errors. The server is ours
// (mongodb-server.mjs), since Debian has none; the driver is the one that others use. Clients wait, ask for
// much and for more of it, want no reply, and compress.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { answered } from "./answered.js";
import { freePort } from "./free-port.js";
import { hasCommand, ROOT } from "./programs.js";

const port = await freePort();
const DRIVER = join(ROOT, "node_modules/mongodb/lib/index.js");

const CLIENT = `import { MongoClient } from ${JSON.stringify(DRIVER)};
const open = (options) => new MongoClient("mongodb://127.0.0.1:${port}/?directConnection=true", {
  serverMonitoringMode: "poll", heartbeatFrequencyMS: 100_000, retryReads: false, retryWrites: false, ...options });
for (const options of [{}, { compressors: ["zlib"] }]) {
  const client = open(options);
  await client.connect();
  const d = client.db("d");
  await d.collection("orders").insertOne({ name: "s3cret" });
  await d.collection("many").insertMany([{ a: 1 }, { a: 2 }]);
  await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const orders = d.collection("orders");
    await orders.insertOne({ name: "s3cret", rows: "x".repeat(i * 1000) });
    await orders.find({ name: "s3cret" }).toArray();
    await d.collection("many").find().toArray();
    await orders.updateOne({ a: 1 }, { $set: { b: "s3cret" } });
    await orders.deleteMany({ a: { $gt: "s3cret" } });
    await orders.aggregate([{ $match: { a: "s3cret" } }]).toArray();
    await orders.findOneAndUpdate({ a: 1 }, { $set: { a: 2 } });
    await d.command({ ping: 1 });
    for (const name of ["denied", "twice", "own"]) await d.collection(name).insertOne({ s3cret: 1 }).catch(() => 0);
    await d.collection("nosuch").drop().catch(() => 0);
    await d.collection("orders").insertOne({ a: 1 }, { writeConcern: { w: 0 } });
    await d.command({ s3cret: "s3cret" });
  }));
  await orders(d);
  await client.close();
}
async function orders(d) {
  await d.collection("orders").createIndex({ a: 1 });
  await d.collection("orders").listIndexes().toArray();
  await d.listCollections().toArray();
}\n`;

test("what the meter counts by command, collection and error is what the server has answered", async () => {
  if (!hasCommand("curl")) return console.log("skip: curl is missing");
  const { find = 0, ...all } = await answered({
    policy: "meters/mongodb",
    snaplen: 512,
    port,
    server: ["mongodb-server.mjs", DRIVER],
    client: CLIENT,
    metric: (side) => `db_${side}_operation_duration_seconds`,
    wordsOf: ({ of }) => [of("db_operation_name"), of("db_collection_name"), of("db_response_status_code")],
    asTold: (line) => line.replace("s3cret", "_OTHER"),
  });
  assert.ok(find === 0 && Object.keys(all).length > 15, JSON.stringify(all));
});

test.run();
