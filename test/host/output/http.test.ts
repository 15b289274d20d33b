// SPDX-License-Identifier: Apache-2.0
// Alerts over HTTP, to a receiver that accepts what Falcosidekick accepts: it refuses a payload with an
// unknown priority, without a rule, a time or output fields, and one whose k8s names are no texts.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { PRIORITIES } from "../../../host/finding/priority.js";
import { type Alert, alertJson } from "../../../host/output/alert.js";
import { Backlog } from "../../../host/output/backlog.js";
import { HttpCarrier, type HttpSettings } from "../../../host/output/http.js";
import { HttpClient } from "../../../host/output/http-client.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { switchingServer } from "../../switching-server.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";
import { NEVER_STUCK } from "./shared.js";

const TIMES = { answerMs: 500, retryMs: 5, retryMsMax: 20, closeMs: 1000 };
const alert = (
  rule: string,
  fields: Alert["outputFields"] = [
    ["k8s.ns.name", null],
    ["proc.name", "cat"],
  ],
): Alert => ({
  rule,
  priority: "Warning",
  tags: ["T1003"],
  source: "syscall",
  time: 1470327477881781397n,
  output: "read by cat",
  outputFields: fields,
  hostname: "web-1",
});

/** Falcosidekick's newFalcoPayload and checks; null: accepted. */
function complaint(body: string): string | null {
  const payload = JSON.parse(body) as Record<string, unknown>;
  const known = ["uuid", "output", "priority", "rule", "time", "output_fields", "source", "tags", "hostname"];
  const fields = payload.output_fields as Record<string, unknown> | undefined;
  const unknown = Object.keys(payload).find((key) => !known.includes(key));
  if (unknown !== undefined) return `unknown key ${unknown}`;
  if (!(PRIORITIES as readonly unknown[]).includes(payload.priority)) return "wrong priority";
  if (typeof payload.rule !== "string" || payload.rule === "") return "no rule";
  if (Number.isNaN(Date.parse(String(payload.time)))) return "no time";
  if (fields === undefined || Object.keys(fields).length === 0) return "no output fields";
  for (const key of ["k8s.ns.name", "k8s.pod.name"])
    if (fields[key] !== undefined && fields[key] !== null && typeof fields[key] !== "string")
      return `${key} is no text`;
  return null;
}

interface Receiver {
  readonly url: string;
  readonly got: string[];
  readonly headers: IncomingMessage["headers"][];
  close(): Promise<void>;
}

async function receiver(server: Server, answer: (nth: number) => number = () => 200): Promise<Receiver> {
  const got: string[] = [];
  const headers: IncomingMessage["headers"][] = [];
  let nth = 0;
  server.on("request", async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const body = (request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw).toString();
    headers.push(request.headers);
    const status = answer(nth++);
    const refusal = request.headers["content-type"] === "application/json" ? complaint(body) : "no JSON";
    if (status === 200 && refusal === null) got.push(body);
    response.writeHead(refusal === null ? status : 400).end(refusal ?? "ok");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const scheme = "setSecureContext" in server ? "https" : "http";
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    got,
    headers,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

function output(url: string, settings: Partial<HttpSettings> = {}): { http: Backlog; faults: VedetteError[] } {
  const faults: VedetteError[] = [];
  const { answerMs, ...times } = TIMES;
  const whole = { url, userAgent: "falcosecurity/falco", capacity: 100, answerMs, ...settings };
  const http = new Backlog({
    name: url,
    kind: "http",
    carrier: new HttpCarrier(whole),
    limits: { ...RECEIVER_LIMITS, ...NEVER_STUCK, ...times, count: whole.capacity },
    text: alertJson,
    onFault: (error) => faults.push(error),
  });
  return { http, faults };
}

test("an answer that came in time counts, though we had no turn to read it", async () => {
  const shared = new Int32Array(new SharedArrayBuffer(16));
  const [ASKED, MAY_ANSWER, ANSWERED, NEVER] = [0, 1, 2, 3];
  const server = new Worker(
    `const { parentPort, workerData: shared } = require("node:worker_threads");
    const say = (what) => { Atomics.store(shared, what, 1); Atomics.notify(shared, what); };
    const server = require("node:http").createServer((request, response) => {
      say(${ASKED});
      Atomics.wait(shared, ${MAY_ANSWER}, 0);
      response.end("taken");
      response.on("close", () => say(${ANSWERED}));
    });
    server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true, workerData: shared },
  );
  const [port] = await once(server, "message");
  server.unref();
  const client = new HttpClient({ url: `http://127.0.0.1:${port}/`, userAgent: "f" }, TIMES.answerMs);
  const answer = client.post("{}", "application/json", new AbortController().signal);
  await until("it is asked", () => Atomics.load(shared, ASKED) === 1, { everyMs: 0 });
  await new Promise((done) => setImmediate(done)); // timers are next
  Atomics.store(shared, MAY_ANSWER, 1);
  Atomics.notify(shared, MAY_ANSWER);
  Atomics.wait(shared, ANSWERED, 0);
  Atomics.wait(shared, NEVER, 0, 2 * TIMES.answerMs);
  assert.equal(await answer, { status: 200, afterMs: undefined, body: "taken" });
  await client.close();
  await server.terminate();
});

test("Falcosidekick's checks accept each alert, in order, with Falco's headers", async () => {
  const there = await receiver(createServer());
  const { http, faults } = output(there.url);
  const lines = ["a", "b", "c"].map((rule) => alertJson(alert(rule)));
  for (const line of lines) http.push(line);
  await http.close();
  await there.close();
  assert.equal(there.got, lines);
  assert.is(there.headers[0]?.["user-agent"], "falcosecurity/falco");
  assert.is(there.headers[0]?.["content-type"], "application/json");
  assert.is(http.lost, 0);
  assert.equal(faults, []);
});

test("a receiver that is overloaded is tried again, and nothing is lost", async () => {
  const there = await receiver(createServer(), (nth) => [503, 429, 500][nth] ?? 200);
  const { http, faults } = output(there.url, { isCompressed: true });
  http.push(alertJson(alert("a")));
  http.push(alertJson(alert("b")));
  await http.close();
  await there.close();
  assert.is(there.got.length, 2);
  assert.is(faults.length, 1, "told once");
  assert.is(faults[0]?.code, "VEDETTE_HTTP_OUTPUT");
});

test("what the receiver refuses is lost at once, and the next goes out", async () => {
  const there = await receiver(createServer());
  const { http } = output(there.url);
  http.push(alertJson(alert("")));
  http.push(alertJson(alert("b")));
  await http.close();
  await there.close();
  assert.is(there.got.length, 1);
  assert.is(http.lost, 1);
});

test("a full queue loses the newest; what waits when the time is up is lost too", async () => {
  const there = await receiver(createServer(), () => 503);
  const { http } = output(there.url, { capacity: 3 });
  for (let i = 0; i < 5; i++) http.push(alertJson(alert(`rule ${i}`)));
  assert.is(http.lost, 2);
  const begun = performance.now();
  await http.close();
  await there.close();
  assert.is(http.lost, 5);
  assert.ok(performance.now() - begun < TIMES.closeMs + 40_000);
});

test("a receiver that is not there is a fault, and no exception", async () => {
  const { http, faults } = output("http://127.0.0.1:1/");
  http.push(alertJson(alert("a")));
  await http.close();
  assert.match(faults[0]?.message ?? "", /cannot be sent to http:\/\/127\.0\.0\.1:1\/: connection refused/);
  assert.is(http.lost, 1);
});

test("a receiver that would rather speak something else gives no answer, and that is told", async () => {
  const there = await switchingServer();
  const client = new HttpClient({ url: `http://${there.at}/`, userAgent: "v" }, TIMES.answerMs);
  const answer = client.post("{}", "application/json", new AbortController().signal);
  const late = new Promise((done) => setTimeout(done, 20_000, "no end").unref());
  assert.is(await Promise.race([answer, late]), "the connection ended without an answer");
  await client.close();
  there.close();
});

/** Says nothing to the first `silent` requests, and takes what comes behind them. */
async function lateReceiver(silent: number) {
  const sockets = { opened: 0, closed: 0 };
  const got: string[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    const isSilent = ++asked <= silent;
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      if (isSilent) return;
      got.push(JSON.parse(body).rule);
      response.end("ok");
    });
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.opened++;
    socket.on("close", () => sockets.closed++);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url, got, sockets, asked: () => asked, close };
}

test("so many late answers in a row are borne without a word, one more is told, and no alert is lost", async () => {
  for (const [lateMax, faults] of [
    [2, 0],
    [1, 1],
  ] as const) {
    const late = await lateReceiver(2);
    const { http, faults: told } = output(late.url, { lateMax, answerMs: 60 });
    http.start();
    for (const rule of ["one", "two"]) http.write(alert(rule));
    await until("both are there", () => late.got.length === 2, { tell: () => `${late.asked()} requests` });
    assert.equal(late.got, ["one", "two"]);
    assert.is(told.length, faults, `with ${lateMax}`);
    await http.close();
    late.close();
  }
});

test("a connection that is kept alive is there after the one that is not was closed", async () => {
  const [kept, usual] = [await lateReceiver(0), await lateReceiver(0)];
  const outputs = [output(kept.url, { isKeptAlive: true }).http, output(usual.url).http];
  for (const http of outputs) {
    http.start();
    http.write(alert("one"));
  }
  await until("the usual one is closed", () => usual.sockets.closed === 1);
  assert.equal(kept.sockets, { opened: 1, closed: 0 });
  outputs[0]?.write(alert("two"));
  await until("it took the next", () => kept.got.length === 2);
  assert.is(kept.sockets.opened, 1);
  for (const http of outputs) await http.close();
  for (const one of [kept, usual]) one.close();
});

test("a file that cannot be read is told before anything is sent", () => {
  assert.throws(
    () => output("https://127.0.0.1:1/", { ca: "/nowhere/ca.pem" }),
    (error: VedetteError) => error.code === "VEDETTE_HTTP_FILE" && error.message.includes("/nowhere/ca.pem"),
  );
});

test("a folder of certificates that is not there, or has none by its hash, is told with its name", () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-http-"));
  writeFileSync(join(folder, "ca.pem"), "no hash names it");
  for (const [caFolder, reason] of [
    ["/nowhere/certs", "no such file"],
    [folder, "openssl rehash"],
  ] as const)
    assert.throws(
      () => output("https://127.0.0.1:1/", { caFolder }),
      ({ code, message }: VedetteError) =>
        code === "VEDETTE_HTTP_FILE" && message.includes(caFolder) && message.toLowerCase().includes(reason),
    );
  rmSync(folder, { recursive: true });
});

test("with a client's certificate a receiver that asks for one takes alerts; without, or unknown to us, none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-http-"));
  const file = (name: string): string => join(folder, name);
  try {
    makeCertificates(folder, ["server", "client"]);
    const secure = createSecureServer({
      key: readFileSync(file("server.key")),
      cert: readFileSync(file("server.pem")),
      ca: readFileSync(file("ca.pem")),
      requestCert: true,
      rejectUnauthorized: true,
    });
    const there = await receiver(secure as unknown as Server);
    const mutual = { certificate: file("client.pem"), key: file("client.key") };
    const trusted = { ca: file("ca.pem"), ...mutual };
    const [rehashed, others] = [file("rehashed"), file("others")];
    for (const one of [rehashed, others]) mkdirSync(one);
    copyFileSync(file("ca.pem"), join(rehashed, "ca.pem"));
    copyFileSync(file("client.pem"), join(others, "client.pem"));
    for (const one of [rehashed, others]) execFileSync("openssl", ["rehash", one]);
    for (const [settings, count] of [
      [trusted, 1],
      [{ ca: trusted.ca }, 0],
      [{ ...mutual, caFolder: rehashed }, 1],
      [{ ...mutual, caFolder: others }, 0],
      [mutual, 0],
      [{ ...mutual, isInsecure: true }, 1],
    ] as const) {
      there.got.length = 0;
      const { http } = output(there.url, settings);
      http.push(alertJson(alert("a")));
      await http.close();
      assert.is(there.got.length, count, JSON.stringify(Object.keys(settings)));
    }
    await there.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
