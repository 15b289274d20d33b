// SPDX-License-Identifier: Apache-2.0
//
// The meter of Kafka against what a broker says that it has answered to kafkajs, a client that others use:
// both ends must tell of the same requests and errors. The broker is ours (kafka-broker.mjs), since Debian
// has none. Clients create topics, produce with and without answers, several requests at once, and read as a
// group that begins anew.
// Time limit: 120 s.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { add, type Counts, scraped, seriesOf, sorted } from "./measured.js";
import { endGroup, hasCommand, ROOT, scratch, start, VEDETTE } from "./programs.js";

const folder = scratch();
const socket = join(folder, "c.sock");
const port = await freePort();

writeFileSync(
  join(folder, "client.mjs"),
  `import kafkajs from ${JSON.stringify(join(ROOT, "node_modules/kafkajs/index.js"))};
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
await consumer.disconnect();\n`,
);
writeFileSync(
  join(folder, "run.sh"),
  `${process.execPath} ${JSON.stringify(join(ROOT, "test/e2e/kafka-broker.mjs"))} ${port} log & broker=$!
${process.execPath} -e 'const go = () => require("net").connect(${port}, "127.0.0.1").on("error", () => setTimeout(go, 50)).on("connect", function () { this.end(); }); go()'
${process.execPath} client.mjs
touch done; until [ -e over ]; do sleep 0.1; done; kill $broker; wait`,
);

function told(side: "server" | "client"): Counts {
  const counts: Counts = {};
  for (const { of, value } of seriesOf(socket, `messaging_${side}_operation_duration_seconds_count`))
    add(counts, `${of("messaging_operation_name")} ${of("error_type")}`.trim(), value);
  return sorted(counts);
}

function answered(): Counts {
  const counts: Counts = {};
  for (const line of readFileSync(join(folder, "log"), "utf8").split("\n").slice(0, -1)) add(counts, line, 1);
  return sorted(counts);
}

test("what the meter counts by API and error is what the broker has answered", async () => {
  if (!hasCommand("curl")) return console.log("skip: curl is missing");
  const flags = ["--policy", "meters/kafka", "--snaplen", "4096", "--control", socket];
  const { child, ended, said } = start([...VEDETTE, "run", ...flags, "--", "sh", "run.sh"], { cwd: folder });
  try {
    await until("the client is done", () => existsSync(join(folder, "done")), { ms: 60_000, tell: said });
    const tell = (): string => JSON.stringify({ server: told("server"), client: told("client"), answered: answered() });
    const isSame = (): boolean =>
      [told("server"), told("client")].every((one) => JSON.stringify(one) === JSON.stringify(answered()));
    await until("both ends tell what was answered", isSame, { ms: 20_000, tell });
    const all = answered();
    assert.equal([all.Produce, all["Produce 29"], all["Produce 10"]], [21, 20, 20]);
    assert.ok(all.Fetch! >= 12 && all["Heartbeat 27"]! > 0, tell());
    assert.not.match(scraped(socket), /s3cret/i);
    assert.not.match(scraped(socket), /^vedette_monitor_unsynced_total/m);
    writeFileSync(join(folder, "over"), "");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test.run();
