// SPDX-License-Identifier: Apache-2.0
// Alerts in Amazon Data Firehose and Amazon S3, with a server that enforces signatures, fails some records of
// a batch, breaks off, and gives keys that end. No test waits for a time, but for what it expects.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsV4Signer } from "aws4fetch";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AwsEnvironment, awsCredentials } from "../../../host/output/aws-credentials.js";
import { signedHeaders } from "../../../host/output/aws-signature.js";
import { type NamedOutput, outputsOf } from "../../../host/output/registry.js";
import { until } from "../../until.js";
import { type AwsReceiver, type AwsReceiverOptions, awsReceiver, keysOf, REGION, SECRETS } from "./aws-receiver.js";
import { ALERT, CONNECT, unlessStuck } from "./shared.js";

const signal = new AbortController().signal;
const NAMES = [
  ...["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
  ...["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
  ...["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
];

function setEnvironment(environment: AwsEnvironment): void {
  for (const name of NAMES) delete process.env[name];
  Object.assign(process.env, environment);
}

async function outputTo(named: NamedOutput) {
  const faults: string[] = [];
  const onFault = unlessStuck((said) => faults.push(said));
  const [queue] = await outputsOf({ targets: [], named: [named] }, { onFault });
  if (queue === undefined) throw new Error("no output was made");
  const send = (from: number, to: number): void => {
    for (let i = from; i < to; i++) queue.write({ ...ALERT, output: `alert ${i}` });
  };
  return { queue, faults, send };
}

async function firehose(options: AwsReceiverOptions = {}) {
  const there = await awsReceiver(options);
  setEnvironment(there.environment);
  const settings = { stream: "alerts", region: REGION, endpoint: there.url, capacity: 10_000 };
  return { there, ...(await outputTo({ name: "lake", kind: "firehose", settings })) };
}

async function s3(options: AwsReceiverOptions = {}, more: { lingerMs?: number; lines?: "ocsf" } = {}) {
  const there = await awsReceiver(options);
  setEnvironment(there.environment);
  const { lingerMs = 3_600_000 } = more;
  const place = { region: REGION, endpoint: there.url, capacity: 20_000 };
  const settings = { bucket: "security.lake", prefix: "alerts (all)/", lingerMs, ...place };
  const lines =
    more.lines === undefined ? {} : { lines: { form: "ocsf", version: "1.5.0", hasIncidents: true } as const };
  return { there, ...(await outputTo({ name: "lake", kind: "s3", settings, ...lines })) };
}

const outputs = ({ puts }: AwsReceiver): string[] =>
  puts
    .flatMap(({ lines }) =>
      lines.map((line) => /alert \d+$/.exec((JSON.parse(line) as { output: string }).output)?.[0] ?? line),
    )
    .sort();
const all = (count: number): string[] => Array.from({ length: count }, (_, i) => `alert ${i}`).sort();

test("a request is signed as another signer signs it, whatever its path, query, headers and body are", async () => {
  const part = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
  const encoded = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("s3", "firehose"),
      fc.array(
        part.filter((text) => text !== "." && text !== ".."),
        { minLength: 1, maxLength: 4 },
      ),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), part, { maxKeys: 3 }),
      fc.dictionary(fc.stringMatching(/^x-amz-meta-[a-z]{1,8}$/), value, { maxKeys: 3 }),
      fc.uint8Array({ maxLength: 100 }),
      fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,40}$/), { nil: undefined }),
      async (service, path, query, headers, bytes, token) => {
        const url = new URL(`https://${service}.example:8443/${path.map(encoded).join("/")}`);
        for (const [name, text] of Object.entries(query)) url.searchParams.set(name, text);
        const body = Buffer.from(bytes);
        const keys = {
          accessKeyId: "AKIDONE",
          secretAccessKey: SECRETS.AKIDONE ?? "",
          ...(token === undefined ? {} : { token }),
        };
        const now = new Date("2026-11-27T23:15:02.881Z");
        const ours = signedHeaders({ method: "PUT", url, headers, body, service, region: REGION }, keys, now);
        const { authorization, host, ...sent } = ours;
        const signer = new AwsV4Signer({
          ...{ method: "PUT", url: url.href, headers: sent, body, service, region: REGION, allHeaders: true },
          ...{ accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey, datetime: "20261127T231502Z" },
          ...{ singleEncode: false },
        });
        assert.is(authorization, (await signer.sign()).headers.get("authorization"), url.href);
        assert.is(host, url.host);
      },
    ),
    { numRuns: 500 },
  );
});

test("Firehose gets each alert as a record of one line, in batches of at most 500", async () => {
  const { there, queue, faults, send } = await firehose();
  send(0, 1200);
  await until("all sent", () => queue.stats().sent === 1200);
  await queue.close();
  await there.close();
  // A machine that is busy elsewhere may hold the answer up until the output says that it waits.
  assert.equal([there.complaints, faults], [[], []]);
  assert.equal(outputs(there), all(1200));
  assert.equal([...new Set(there.puts.map(({ token }) => token))], ["token of AKIDONE"]);
  assert.is(there.asked(), 1, "keys are kept");
});

test("of 500 records with long identifiers those that failed are sent again", async () => {
  const { there, queue, send } = await firehose({ fails: (nth) => (nth === 0 ? [499] : []) });
  send(0, 500);
  await until("all sent", () => queue.stats().sent === 500);
  await queue.close();
  await there.close();
  assert.equal(outputs(there), all(500));
});

test("of a batch that Firehose takes in part the rest alone is sent again: each alert is there once", async () => {
  const fails = (nth: number, count: number): number[] =>
    nth > 8 ? [] : Array.from({ length: count }, (_, i) => i).filter((i) => (i + nth) % 3 === 0);
  const { there, queue, faults, send } = await firehose({ fails });
  send(0, 700);
  await until("all sent", () => queue.stats().sent === 700);
  await queue.close();
  await there.close();
  assert.equal(there.complaints, []);
  assert.equal(outputs(there), all(700));
  assert.match(
    faults[0] ?? "",
    /firehose:alerts.*it took all but \d+ of \d+: ServiceUnavailableException.*\[VEDETTE_AWS_OUTPUT\]$/,
  );
  assert.is(queue.lost, 0);
});

test("Firehose is asked again after a reset, a throttle and its own faults; what it can never take is dropped", async () => {
  const again = [
    { status: 400, body: '{"__type":"com.amazonaws#ThrottlingException"}' },
    { status: 500, body: '{"__type":"ServiceUnavailableException"}' },
    { status: 400, body: '{"__type":"ResourceNotFoundException"}' },
  ];
  const { there, queue, faults, send } = await firehose({
    replies: (nth) =>
      again[nth] ??
      (nth === 3 ? "reset" : nth === 5 ? { status: 400, body: '{"__type":"InvalidArgumentException"}' } : null),
  });
  send(0, 20);
  await until("all sent", () => queue.stats().sent === 20);
  send(20, 25);
  await until("all refused", () => queue.stats().dropped.refused === 5);
  send(25, 26);
  await until("the next is sent", () => queue.stats().sent === 21);
  await queue.close();
  await there.close();
  assert.equal(outputs(there), [...all(20), "alert 25"].sort());
  assert.match(faults[0] ?? "", "it answers 400 ThrottlingException");
  assert.match(faults.at(-1) ?? "", "it answers 400 InvalidArgumentException");
});

test("an answer of 200 that is not whole is no word that all was taken", async () => {
  const { there, queue, send } = await firehose({
    replies: (nth) => (nth === 0 ? { status: 200, body: '{"FailedPutCount": 1, "RequestRes' } : null),
  });
  send(0, 3);
  await until("all sent", () => queue.stats().sent === 3);
  await queue.close();
  await there.close();
  assert.equal(outputs(there), all(3));
  assert.match(queue.stats().lastError?.message ?? "", "its answer of 200 is not whole");
});

test("of a batch that Firehose took in part and then refuses only the rest counts as refused", async () => {
  const { there, queue, send } = await firehose({
    fails: (nth) => (nth === 0 ? [1, 3] : []),
    replies: (nth) => (nth === 1 ? { status: 400, body: '{"__type":"InvalidArgumentException"}' } : null),
  });
  send(0, 5);
  await until("two are refused", () => queue.stats().dropped.refused === 2);
  assert.is(queue.stats().sent, 3);
  await queue.close();
  await there.close();
  assert.equal(outputs(there), ["alert 0", "alert 2", "alert 4"]);
  assert.match(queue.stats().lastError?.message ?? "", "it answers 400 InvalidArgumentException");
});

test("keys that AWS says have ended are asked for anew, at once", async () => {
  const { there, queue, faults, send } = await firehose({
    keys: (nth) => keysOf(nth === 0 ? "AKIDONE" : "AKIDTWO"),
    replies: (nth) => (nth === 0 ? { status: 400, body: '{"__type":"ExpiredTokenException"}' } : null),
  });
  send(0, 3);
  await until("all sent", () => queue.stats().sent === 3);
  await queue.close();
  await there.close();
  assert.equal([there.complaints, faults], [[], []]);
  assert.equal(
    there.puts.map(({ keyId }) => keyId),
    ["AKIDTWO"],
  );
});

test("S3 gets one object of all alerts that came meanwhile: gzipped lines, named by day and hour", async () => {
  const { there, queue, faults, send } = await s3();
  send(0, 300);
  await queue.close();
  await there.close();
  assert.equal([there.complaints, faults], [[], []]);
  assert.is(there.puts.length, 1);
  assert.equal(outputs(there), all(300));
  const name =
    /^\/security\.lake\/alerts%20%28all%29\/(\d{4})\/(\d\d)\/(\d\d)\/(\d\d)\/\1\2\3T\4\d{4}Z-[0-9a-f]{16}\.json\.gz$/;
  assert.match(there.puts[0]?.path ?? "", name);
});

test("an object is put when its oldest alert has waited long enough, or when there are 10,000", async () => {
  const soon = await s3({}, { lingerMs: 50 });
  soon.send(0, 2);
  await until("it is put", () => soon.queue.stats().sent === 2);
  soon.send(2, 3);
  await until("the next is put", () => soon.queue.stats().sent === 3);
  await soon.queue.close();
  await soon.there.close();
  assert.equal([outputs(soon.there), soon.faults], [all(3), []]);
  const many = await s3();
  many.send(0, 12_000);
  await until("a whole batch is put", () => many.queue.stats().sent === 10_000);
  assert.is(many.queue.stats().queued, 2000);
  assert.is(many.queue.health(), null, "to wait for others is no fault");
  await many.queue.close();
  await many.there.close();
  assert.equal(
    many.there.puts.map(({ lines }) => lines.length),
    [10_000, 2000],
  );
});

test("an object whose answer got lost is put again under its name; what an operator can mend is asked again", async () => {
  const { there, queue, faults, send } = await s3(
    {
      replies: (nth) =>
        (
          [
            "taken, reset",
            { status: 503, body: "<Error><Code>SlowDown</Code></Error>" },
            { status: 301, body: "<Error><Code>PermanentRedirect</Code></Error>" },
            { status: 403, body: "<Error><Code>AccessDenied</Code></Error>" },
            { status: 404, body: "no such page" },
            { status: 400, body: "<Error><Code>KMS.DisabledException</Code></Error>" },
          ] as const
        )[nth] ?? null,
    },
    { lingerMs: 20 },
  );
  send(0, 40);
  await until("all sent", () => queue.stats().sent === 40);
  await queue.close();
  await there.close();
  assert.is(there.puts.length, 2);
  assert.is(there.puts[0]?.path, there.puts[1]?.path);
  assert.equal([queue.lost, faults.length], [0, 1]);
});

test("what comes while an object is put again is in the next one: nothing is there twice", async () => {
  let isLost = false;
  const { there, queue, send } = await s3(
    {
      replies: (nth) => {
        if (nth > 0) return null;
        isLost = true;
        send(5, 9);
        return "taken, reset";
      },
    },
    { lingerMs: 20 },
  );
  send(0, 5);
  await until("all sent", () => queue.stats().sent === 9);
  await queue.close();
  await there.close();
  assert.ok(isLost);
  const objects = new Map(there.puts.map(({ path, lines }) => [path, lines]));
  assert.is([...objects.values()].flat().length, 9, "by their names, each alert is in one object");
  assert.is(there.puts[0]?.path, there.puts[1]?.path);
});

test("where fewer may wait than an object takes, it is put when they are there", async () => {
  const there = await awsReceiver();
  setEnvironment(there.environment);
  const place = { region: REGION, endpoint: there.url, capacity: 50 };
  const settings = { bucket: "logs", prefix: "", lingerMs: 3_600_000, ...place };
  const { queue, send } = await outputTo({ name: "lake", kind: "s3", settings });
  send(0, 50);
  await until("they are put", () => queue.stats().sent === 50);
  await queue.close();
  await there.close();
});

test("S3 takes lines of OCSF, of alerts and of incidents", async () => {
  const { there, queue } = await s3({}, { lines: "ocsf" });
  queue.write(CONNECT);
  await queue.close();
  await there.close();
  const [line = "{}"] = there.puts[0]?.lines ?? [];
  assert.is((JSON.parse(line) as { class_uid: number }).class_uid, 2004);
});

test("keys of a role are asked for anew five minutes before their end, and the old ones serve while nobody answers", async () => {
  const answers = [keysOf("AKIDONE", 240_000), keysOf("AKIDTWO", 400_000), "oops"];
  const there = await awsReceiver({ keys: (nth) => answers[nth] ?? "oops" });
  const credentials = awsCredentials(there.environment);
  assert.is((await credentials.keys(signal)).accessKeyId, "AKIDONE");
  assert.is((await credentials.keys(signal)).accessKeyId, "AKIDTWO", "the first are about to end");
  assert.is((await credentials.keys(signal)).accessKeyId, "AKIDTWO");
  assert.is(there.asked(), 2);
  await there.close();
  const early = await awsReceiver({ keys: (nth) => (nth === 0 ? keysOf("AKIDONE", 240_000) : "oops") });
  const ending = awsCredentials(early.environment);
  await ending.keys(signal);
  assert.is((await ending.keys(signal)).accessKeyId, "AKIDONE", "they have not ended yet");
  await early.close();
});

test("the token for keys is read from its file each time", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
  const there = await awsReceiver({ keys: () => keysOf("AKIDONE", 1) });
  const file = join(folder, "token");
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN: _, ...environment } = there.environment;
  const credentials = awsCredentials({ ...environment, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file });
  writeFileSync(file, "an old token\n");
  await credentials.keys(signal).then(
    () => assert.unreachable("the token is wrong"),
    (error: Error) => assert.match(error.message, "it answers 401"),
  );
  writeFileSync(file, "pod token\n");
  assert.is((await credentials.keys(signal)).accessKeyId, "AKIDONE");
  await there.close();
  rmSync(folder, { recursive: true });
});

test("without keys, or with an address of another machine, the command says so and tells no secret", async () => {
  const wrong: [AwsEnvironment, RegExp][] = [
    [{}, /neither keys nor the address/],
    [{ AWS_ACCESS_KEY_ID: "AKIDONE" }, /neither keys nor the address/],
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: "://" }, /is no address/],
    [{ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "keys" }, /is no path/],
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://keys.example/" }, /another machine without TLS/],
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1.example/" }, /another machine without TLS/],
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: "file:///etc/passwd" }, /another machine without TLS/],
  ];
  for (const [environment, reason] of wrong) assert.throws(() => awsCredentials(environment), reason);
  const there = await awsReceiver({ keys: () => `{"SecretAccessKey": "hunter2"` });
  await awsCredentials(there.environment)
    .keys(signal)
    .then(
      () => assert.unreachable("that is no JSON"),
      (error: Error) => {
        assert.match(error.message, "its answer is no JSON");
        assert.not.match(error.message, "hunter2");
      },
    );
  await there.close();
});

test("keys of the environment are used as they are", async () => {
  const environment = { AWS_ACCESS_KEY_ID: "AKIDONE", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t" };
  const keys = { accessKeyId: "AKIDONE", secretAccessKey: "s", token: "t" };
  assert.equal(await awsCredentials(environment).keys(signal), keys);
});

test.run();
