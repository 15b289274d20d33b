// SPDX-License-Identifier: Apache-2.0
//
// The meter of Kafka against what a broker says that it has answered to kafkajs, a client that others use:
// both ends must tell of the same requests and errors. The broker is ours (kafka-broker.mjs), since Debian
// has none. Clients create topics, produce with and without answers, several requests at once, and read as a
// group that begins anew.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { answered } from "./answered.js";
import { freePort } from "./free-port.js";
import { hasCommand, ROOT } from "./programs.js";

const port = await freePort();

const CLIENT = `import kafkajs from ${JSON.stringify(join(ROOT, "node_modules/kafkajs/index.js"))};
const { Kafka, logLevel } = kafkajs;
const kafka = new Kafka({ clientId: "s3cret", brokers: ["127.0.0.1:${port}"], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic: "new" }] });
await admin.listGroups();
await admin.fetchTopicOffsets("s3cret-topic");
await admin.disconnect();
const producer = kafka.producer({ retry: { retries: 0 } });
await producer.connect();
await Promise.all(Array.from({ length: 20 }, async (_, i) => {
  await new Promise((go) => setTimeout(go, 50 * (i >> 2)));
  for (const topic of ["s3cret-topic", "denied", "large"])
    await producer.send({ topic, messages: [{ key: "s3cret", value: "x".repeat(i * 10) }] }).catch(() => 0);
  await producer.send({ topic: "s3cret-topic", acks: 0, messages: [{ value: "s3cret" }] });
}));
await producer.send({ topic: "s3cret-topic", messages: [{ value: "x".repeat(100_000) }] });
await producer.disconnect();
const consumer = kafka.consumer({ groupId: "s3cret", heartbeatInterval: 100, maxWaitTimeInMs: 100, retry: { retries: 3 } });
await consumer.connect();
await consumer.subscribe({ topic: "s3cret-topic", fromBeginning: true });
let fetched = 0;
const done = new Promise((resolve) => consumer.on("consumer.fetch", () => ++fetched === 12 && resolve()));
await consumer.run({ eachMessage: async () => {} });
await done;
await consumer.disconnect();\n`;

test("what the meter counts by API and error is what the broker has answered", async () => {
  if (!hasCommand("curl")) return console.log("skip: curl is missing");
  const all = await answered({
    policy: "meters/kafka",
    snaplen: 4096,
    port,
    server: ["kafka-broker.mjs"],
    client: CLIENT,
    metric: (side) => `messaging_${side}_operation_duration_seconds`,
    wordsOf: ({ of }) => [of("messaging_operation_name"), of("error_type")],
  });
  assert.equal([all.Produce, all["Produce 29"], all["Produce 10"]], [21, 20, 20]);
  assert.ok(all.Fetch! >= 12 && all["Heartbeat 27"]! > 0, JSON.stringify(all));
});

test.run();
