// SPDX-License-Identifier: Apache-2.0
// `vedette outputs test NAME`: each type of output is tried with its real code against a real receiver, which
// takes it or does not.
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { awsReceiver, REGION } from "../host/output/aws-receiver.js";
import { NatsServer } from "../host/output/nats-server.js";
import { otlpReceiver } from "../host/output/otlp-receiver.js";
import { run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const SECRET = "hunter2-and-more";

/** Of one output with these keys, as variables. */
function tryOutput(keys: Readonly<Record<string, string>>, name = "siem", more: Readonly<Record<string, string>> = {}) {
  const entries = Object.entries(keys).map(([key, value]) => [`VEDETTE_OUTPUTS_SIEM_${key.toUpperCase()}`, value]);
  return run([...VEDETTE, "outputs", "test", name], { env: { ...Object.fromEntries(entries), ...more }, cwd: folder });
}

test("a file, in each of its forms, and a collector take the alert", async () => {
  const there = await otlpReceiver();
  for (const format of ["json", "text", "ocsf", "emf"]) {
    const { status, stdout, stderr } = await tryOutput({ type: "file", path: `alert.${format}`, format });
    assert.is(status, 0, stderr);
    assert.match(stdout, /^siem took the alert after \d+ ms$/m);
    assert.match(
      readFileSync(join(folder, `alert.${format}`), "utf8"),
      "Test of an output".slice(0, format === "text" ? 0 : 99),
    );
  }
  const { status, stderr } = await tryOutput({ type: "otlp", url: there.url, priority: "Critical" });
  await there.close();
  assert.is(status, 0, stderr);
  assert.equal(there.complaints, []);
  assert.equal(
    there.taken.map(({ attributes }) => attributes["security_rule.name"]),
    ["Test of an output"],
  );
});

test("a receiver that refuses, or is not there, is told with its reason and without secrets", async () => {
  const there = await otlpReceiver(() => ({ status: 401 }));
  const refused = await tryOutput({
    type: "otlp",
    url: `${there.url}/v1/logs?key=${SECRET}`,
    headers: `authorization=${SECRET}`,
  });
  await there.close();
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /VEDETTE_OUTPUT_UNDELIVERED/);
  assert.match(refused.stderr, "it answers 401");
  assert.not.match(refused.stderr + refused.stdout, SECRET);
  const closed = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => closed.once("listening", done));
  const { port } = closed.address() as { port: number };
  await new Promise((done) => closed.close(done));
  const away = await tryOutput({ type: "http", url: `http://127.0.0.1:${port}/` });
  assert.is(away.status, 1);
  assert.match(away.stderr, /VEDETTE_OUTPUT_UNDELIVERED/);
});

test("Firehose and S3 take the alert with the keys of the task's role", async () => {
  const there = await awsReceiver();
  const place = { endpoint: there.url, region: REGION };
  for (const keys of [
    { type: "firehose", stream: "alerts" },
    { type: "s3", bucket: "logs" },
  ]) {
    const { status, stdout, stderr } = await tryOutput({ ...keys, ...place }, "siem", there.environment);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^siem took the alert after \d+ ms$/m);
  }
  await there.close();
  assert.equal([there.complaints, there.puts.length], [[], 2]);
});

test("a stream of NATS takes the alert, and one that is not there, or a wrong password, is told", async () => {
  const users = `authorization: {user: vedette, password: ${SECRET}}`;
  const server = await NatsServer.start(users, { user: "vedette", pass: SECRET });
  const keys = { type: "nats", url: server.url, user: "vedette" };
  const none = await tryOutput({ ...keys, password: SECRET });
  await server.stream("ALERTS", ["vd.a.*"]);
  const { status, stdout, stderr } = await tryOutput({ ...keys, password: SECRET, stream: "ALERTS" });
  const wrong = await tryOutput({ ...keys, password: `${SECRET}-not` });
  const [stored, ...more] = await server.stored("ALERTS");
  await server.end();
  assert.is(status, 0, stderr);
  assert.match(stdout, /^siem took the alert after \d+ ms$/m);
  assert.equal([stored?.subject, JSON.parse(stored?.body ?? "").rule, more], ["vd.a._", "Test of an output", []]);
  assert.equal([none.status, wrong.status], [1, 1]);
  assert.match(none.stderr, /no stream takes this subject.*VEDETTE_OUTPUT_UNDELIVERED/);
  assert.match(wrong.stderr, /Authorization Violation.*VEDETTE_OUTPUT_UNDELIVERED/);
  assert.not.match([none, wrong].map((one) => one.stderr + one.stdout).join(""), SECRET);
});

test("without keys, or with those that AWS refuses, it says so", async () => {
  const keys = { type: "s3", bucket: "logs", region: REGION };
  const none = await tryOutput(keys);
  assert.is(none.status, 2);
  assert.match(none.stderr, /VEDETTE_AWS_CREDENTIALS/);
  const there = await awsReceiver();
  const wrong = { AWS_ACCESS_KEY_ID: "AKIDONE", AWS_SECRET_ACCESS_KEY: SECRET };
  const refused = await tryOutput({ ...keys, endpoint: there.url }, "siem", wrong);
  await there.close();
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /VEDETTE_OUTPUT_UNDELIVERED/);
  assert.match(refused.stderr, /cannot be put into s3:logs: it answers 403 SignatureDoesNotMatch/);
  assert.not.match(refused.stderr + refused.stdout, SECRET);
});

test("an output that is not there is told with those that are", async () => {
  const { status, stderr } = await tryOutput({ type: "file", path: "x" }, "seim");
  assert.is(status, 2);
  assert.match(stderr, /VEDETTE_OUTPUT_UNKNOWN/);
  assert.match(stderr, "there are: siem");
});

test.run();
