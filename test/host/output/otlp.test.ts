// SPDX-License-Identifier: Apache-2.0
// Findings and incidents over OTLP/HTTP, to a receiver that enforces OTLP: what they say, what is asked again
// and what is not, and that nothing is lost unsaid. No test waits for a time, but for what it expects.
import { createServer } from "node:net";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import { PRIORITIES } from "../../../host/finding/priority.js";
import { otlpAlert, otlpIncident, PART } from "../../../host/output/otlp-record.js";
import { type NamedOutput, outputsOf } from "../../../host/output/registry.js";
import { run, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { complaint, encodingComplaint, otlpReceiver, recordsOf } from "./otlp-receiver.js";
import { ALERT, CONNECT, FINDING, NEWS, unlessStuck } from "./shared.js";

/** What a batch of these lines would be. */
function requestOf(lines: readonly string[]) {
  const resourceLogs = lines.map((line) => {
    const [resource = "", record = ""] = line.split(PART);
    return { resource: JSON.parse(resource), scopeLogs: [{ logRecords: [JSON.parse(record)] }] };
  });
  return { resourceLogs };
}

async function queueTo(url: string, more: Partial<Extract<NamedOutput, { kind: "otlp" }>["settings"]> = {}) {
  const faults: string[] = [];
  const settings = { url: `${url}/v1/logs`, userAgent: "vedette", capacity: 10_000, hasIncidents: true, ...more };
  const named: NamedOutput[] = [{ name: "siem", kind: "otlp", settings }];
  const [queue] = await outputsOf({ targets: [], named }, { onFault: unlessStuck((said) => faults.push(said)) });
  if (queue === undefined) throw new Error("no output was made");
  const send = (from: number, to: number): void => {
    for (let i = from; i < to; i++) queue.write({ ...CONNECT, finding: { ...FINDING, tid: i } });
  };
  return { queue, faults, send };
}

const idOf = (tid: number): string => findingId({ ...FINDING, tid });
const ids = (taken: readonly { attributes: Readonly<Record<string, unknown>> }[]): string[] =>
  taken.map(({ attributes }) => String(attributes["log.record.uid"]));
const all = (count: number): string[] => Array.from({ length: count }, (_, i) => idOf(i)).sort();

test("a finding says who, what and whose rule by the names of semantic conventions", () => {
  const request = requestOf([otlpAlert(CONNECT)]);
  assert.is(complaint(request) ?? encodingComplaint(request), null);
  const [{ record, attributes, resource }] = recordsOf(request) as [ReturnType<typeof recordsOf>[number]];
  assert.is(record.timeUnixNano, "1795703412881781397");
  assert.equal([record.severityNumber, record.severityText, record.eventName], [13, "Warning", "vedette.finding"]);
  assert.equal(record.body, { stringValue: "A program asks for credentials" });
  assert.equal(
    [
      "log.record.uid",
      "security_rule.name",
      "security_rule.ruleset.name",
      "process.pid",
      "process.executable.path",
      "network.peer.address",
      "network.peer.port",
      "vedette.tenant",
    ].map((name) => attributes[name]),
    [
      findingId(FINDING),
      "Task credentials requested",
      "task-credentials",
      "41",
      "/usr/bin/curl",
      "fd00::254",
      "80",
      "payments",
    ],
  );
  assert.equal([resource["service.name"], resource["container.name"]], ["orders", "orders"]);
});

test("what is about no event, and an incident, are records too, with ids that stay", () => {
  const lines = [otlpAlert(ALERT), otlpIncident(NEWS), otlpIncident({ ...NEWS, activity: "closed" })];
  const request = requestOf(lines);
  assert.is(complaint(request) ?? encodingComplaint(request), null);
  const [notice, opened, closed] = recordsOf(request);
  assert.is(notice?.record.eventName, "vedette.notice");
  assert.equal([opened?.record.eventName, opened?.record.severityNumber], ["vedette.incident", 19]);
  assert.is(opened?.attributes["vedette.incident.activity"], "opened");
  assert.is.not(opened?.attributes["log.record.uid"], closed?.attributes["log.record.uid"]);
  assert.equal(ids(recordsOf(requestOf([otlpAlert(ALERT)]))), ids([notice as never]));
});

test("whatever a program chose for its names, OTLP's messages allow it", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(fc.constantFrom(...PRIORITIES), text, text, text, (priority, name, path, output) => {
      const finding = {
        ...FINDING,
        tags: [name],
        executable: { path, ino: null, dev: null, changed: null, isOfImage: true },
      };
      const line = otlpAlert({ ...CONNECT, priority, rule: name, tags: [path], output, hostname: name, finding });
      assert.is(line.split(PART).length, 2);
      assert.not.match(line, "\n");
      const request = requestOf([line]);
      assert.is(complaint(request) ?? encodingComplaint(request), null);
    }),
    { numRuns: 300 },
  );
});

test("what the .proto files do not allow is seen by the receiver", () => {
  const record = { timeUnixNano: 5 };
  const wrong = [
    { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] },
    { resource_logs: [] },
    { resourceLogs: {} },
  ];
  for (const request of wrong) assert.is.not(complaint(request), null);
});

test("a batch is one request, gzipped, with our headers, records of one resource together", async () => {
  const there = await otlpReceiver();
  const { queue, faults, send } = await queueTo(there.url, { isCompressed: true, headers: { authorization: "x" } });
  send(0, 1200);
  queue.tell(NEWS);
  await until("all there", () => there.taken.length === 1201);
  await queue.close();
  await there.close();
  assert.equal(there.complaints, []);
  assert.equal(faults, []);
  assert.equal(ids(there.taken).slice(0, 1200).sort(), all(1200));
  assert.ok(there.requests.length < 20, `${there.requests.length} requests`);
  const [{ headers, path }] = there.requests as [(typeof there.requests)[number]];
  assert.equal([headers["content-encoding"], headers.authorization, path], ["gzip", "x", "/v1/logs"]);
});

test("429, 502, 503, 504 and a reset are asked again, and each record comes with its id", async () => {
  const replies = [429, 502, 503, 504].map((status) => ({ status }));
  const there = await otlpReceiver((nth) => replies[nth] ?? (nth === 4 ? "reset" : { status: 200 }));
  const { queue, faults, send } = await queueTo(there.url);
  send(0, 300);
  await until("all there", () => there.taken.length >= 300);
  await until("all sent", () => queue.stats().queued === 0);
  await queue.close();
  await there.close();
  assert.equal(ids(there.taken).sort(), all(300));
  assert.equal([queue.stats().sent, queue.lost], [300, 0]);
  assert.is(faults.length, 1, "told once");
  assert.equal(there.complaints, []);
});

test("a receiver that took a batch and broke off gets it again, with the same ids", async () => {
  const there = await otlpReceiver();
  // Between us and the receiver: the first answer never comes through.
  let nth = 0;
  const between = createServer((socket) => {
    const isCut = nth++ === 0;
    import("node:net").then(({ connect }) => {
      const onward = connect(there.port, "127.0.0.1");
      socket.pipe(onward);
      for (const one of [socket, onward]) one.on("error", () => undefined);
      if (isCut) onward.once("data", () => socket.resetAndDestroy());
      else onward.pipe(socket);
      socket.on("close", () => onward.destroy());
    });
  });
  await new Promise<void>((done) => between.listen(0, "127.0.0.1", done));
  const { port } = between.address() as { port: number };
  const { queue, send } = await queueTo(`http://127.0.0.1:${port}`);
  send(0, 5);
  await until("all sent", () => queue.stats().sent === 5);
  await queue.close();
  between.close();
  await there.close();
  assert.ok(there.taken.length > 5, "it came twice");
  assert.equal([...new Set(ids(there.taken))].sort(), all(5));
});

test("a receiver is not asked before its Retry-After", async () => {
  const there = await otlpReceiver((nth) =>
    nth === 0 ? { status: 429, headers: { "retry-after": "2" } } : { status: 200 },
  );
  const { queue, send } = await queueTo(there.url);
  send(0, 3);
  await until("all there", () => there.taken.length === 3);
  await queue.close();
  await there.close();
  const [first, second] = there.requests as unknown as [{ at: number }, { at: number }];
  assert.ok(second.at - first.at >= 1990, `it came after ${second.at - first.at} ms`);
});

test("what a receiver rejects of a batch is counted, told, and not sent again", async () => {
  const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: "2", errorMessage: "too old" } });
  const there = await otlpReceiver((nth) => ({ status: 200, body: nth === 0 ? body : "{}" }));
  const { queue, faults, send } = await queueTo(there.url);
  send(0, 5);
  await until("all taken", () => queue.stats().queued === 0 && there.taken.length === 5);
  assert.equal([queue.stats().sent, queue.stats().dropped.refused, queue.stats().state], [3, 2, "ok"]);
  assert.match(faults[0] ?? "", /it rejects 2 of a batch: too old\b.*\[VEDETTE_OTLP_OUTPUT\]$/);
  await queue.close();
  await there.close();
  assert.is(there.requests.length, 1);
});

test("a batch that a receiver refuses is dropped whole, counted, and not sent again", async () => {
  const there = await otlpReceiver((nth) => ({ status: nth === 0 ? 400 : 200 }));
  const { queue, faults, send } = await queueTo(there.url);
  send(0, 5);
  await until("all counted", () => queue.stats().dropped.refused === 5);
  send(5, 6);
  await until("the next one is taken", () => queue.stats().sent === 1);
  await queue.close();
  await there.close();
  assert.match(faults[0] ?? "", "it answers 400");
  assert.equal(ids(there.taken), [idOf(5)]);
});

test("while a receiver is away what fits waits, drops are counted as they happen, and then all of it comes", async () => {
  const before = await otlpReceiver();
  const { port, url } = before;
  await before.close();
  const { queue, send } = await queueTo(url, { capacity: 200 });
  send(0, 250);
  await until("it is full, and says so", () => queue.stats().state === "full");
  assert.equal([queue.stats().queued, queue.stats().dropped.full], [200, 50]);
  const there = await otlpReceiver(undefined, port);
  await until("all that waited is there", () => there.taken.length === 200);
  await until("it is well again", () => queue.stats().state === "ok");
  await queue.close();
  await there.close();
  assert.equal(ids(there.taken).sort(), all(200));
});

test("a burst of 100,000 findings stays within the bounds, and each is sent or counted", async () => {
  const there = await otlpReceiver();
  const { queue, send } = await queueTo(there.url, { capacity: 2000 });
  send(0, 100_000);
  const { queued, queuedBytes, dropped } = queue.stats();
  assert.ok(queued <= 2000 && queuedBytes <= 16 << 20, `${queued} wait, ${queuedBytes} bytes`);
  await until("all sent", () => queue.stats().queued === 0);
  await queue.close();
  await there.close();
  assert.is(queue.stats().sent + dropped.full, 100_000);
  assert.is(there.taken.length, queue.stats().sent);
});

test("a run sends its findings and its incident to a collector", async () => {
  const there = await otlpReceiver();
  const env = { VEDETTE_OUTPUTS_SIEM_TYPE: "otlp", VEDETTE_OUTPUTS_SIEM_URL: there.url };
  const { status, stderr } = await run([...VEDETTE, "run", "--", "cat", "/etc/shadow"], { env });
  await there.close();
  assert.is(status, 0, stderr);
  assert.equal(there.complaints, []);
  const of = (name: string) => there.taken.filter(({ record }) => record.eventName === name);
  assert.ok(of("vedette.finding").length > 0, stderr);
  const activities = of("vedette.incident").map(({ attributes }) => attributes["vedette.incident.activity"]);
  assert.equal(activities, ["opened", "closed"]);
  const [incident] = of("vedette.incident");
  assert.equal(
    of("vedette.finding")[0]?.attributes["vedette.incident.id"],
    incident?.attributes["vedette.incident.id"],
  );
});

test.run();
