// SPDX-License-Identifier: Apache-2.0
// Alerts to a syslog server on loopback that is well, slow, gone and back again, over UDP, TCP and TLS.
// rsyslog takes them in test/e2e/syslog.test.ts.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createSecureServer } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { OutputQueue } from "../../../host/output/queue.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { SyslogCarrier } from "../../../host/output/syslog.js";
import { parseSyslogUrl, type SyslogSettings } from "../../../host/output/syslog-url.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";

const TIMES = { retryMs: 5, retryMsMax: 20, closeMs: 2_000, batchCount: 100 };
const MESSAGES = ["<12>1 a", "<12>1 b\u00e9", "<12>1 c"];

function settingsOf(url: string, ca?: string): SyslogSettings {
  const parsed = parseSyslogUrl(url);
  if (parsed === null) throw new Error(`${url} is no address`);
  return { ...parsed, ...(ca === undefined ? {} : { ca }) };
}

function output(url: string, ca?: string): { syslog: OutputQueue; faults: VedetteError[] } {
  const faults: VedetteError[] = [];
  const syslog = new OutputQueue({
    name: url,
    kind: "syslog",
    carrier: new SyslogCarrier(settingsOf(url, ca)),
    limits: { ...RECEIVER_LIMITS, ...TIMES, count: 20_000 },
    text: String,
    onFault: (error) => faults.push(error),
  });
  return { syslog, faults };
}

/** Takes connections, and what comes over them apart by the length in front of each message. */
class Receiver {
  readonly got: string[] = [];
  readonly sockets: Socket[] = [];
  /** Of a connection that reads nothing. */
  isDeaf = false;

  private constructor(
    readonly server: Server,
    readonly url: string,
  ) {}

  static async on(server: Server, transport = "tcp", port = 0): Promise<Receiver> {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const receiver = new Receiver(server, `${transport}://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on(transport === "tls" ? "secureConnection" : "connection", (socket: Socket) => receiver.#take(socket));
    return receiver;
  }

  get port(): number {
    return Number(this.url.split(":").at(-1));
  }

  #take(socket: Socket): void {
    this.sockets.push(socket);
    let rest = Buffer.alloc(0);
    socket.on("error", () => undefined);
    if (this.isDeaf) return;
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const blank = rest.indexOf(" ");
        const length = Number(rest.subarray(0, Math.max(0, blank)).toString());
        if (blank < 1 || rest.length < blank + 1 + length) return;
        this.got.push(rest.subarray(blank + 1, blank + 1 + length).toString());
        rest = rest.subarray(blank + 1 + length);
      }
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

test("addresses of servers, with the ports of the standards, and what is none", () => {
  const place = (url: string): unknown => {
    const { transport, host, port } = parseSyslogUrl(url) ?? {};
    return [transport, host, port];
  };
  assert.equal(place("udp://logs"), ["udp", "logs", 514]);
  assert.equal(place("tls://[fd00::1]"), ["tls", "fd00::1", 6514]);
  assert.equal(place("tcp://10.0.0.1:601"), ["tcp", "10.0.0.1", 601]);
  for (const wrong of [
    "logs:514",
    "tcp://logs",
    "udp://logs:0",
    "udp://logs:65536",
    "http://logs:514",
    "udp://a b",
    "tls://u:p@logs",
  ])
    assert.is(parseSyslogUrl(wrong), null, wrong);
});

test("over UDP each message is a datagram", async () => {
  const server = createSocket("udp4");
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const got: string[] = [];
  server.on("message", (bytes) => got.push(bytes.toString()));
  const { syslog, faults } = output(`udp://127.0.0.1:${server.address().port}`);
  for (const message of MESSAGES) syslog.push(message);
  await until("all messages", () => got.length === MESSAGES.length);
  await syslog.close();
  server.close();
  assert.equal(got, MESSAGES);
  assert.equal(faults, []);
  assert.is(syslog.stats().sent, MESSAGES.length);
});

test("over UDP a port at which nobody listens is told, and tried again", async () => {
  const { syslog, faults } = output("udp://127.0.0.1:9");
  const timer = setInterval(() => syslog.push("<12>1 x"), 20);
  await until("the fault", () => faults.length > 0);
  clearInterval(timer);
  await syslog.close();
  assert.is(faults[0]?.code, "VEDETTE_SYSLOG_OUTPUT");
  assert.match(faults[0]?.message ?? "", /udp:\/\/127\.0\.0\.1:9: .*refused/i);
});

test("an address that cannot be reached just now leaves no socket open, however often it is tried", async () => {
  const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => /udp/i.test(kind)).length;
  const before = sockets();
  const carrier = new SyslogCarrier(settingsOf("udp://255.255.255.255:514"));
  for (let i = 0; i < 5; i++) assert.is((await carrier.send(MESSAGES, new AbortController().signal)).outcome, "again");
  await until("they are closed", () => sockets() === before);
  carrier.close();
});

test("over TCP each message has its length in front", async () => {
  const there = await Receiver.on(createServer());
  const { syslog, faults } = output(there.url);
  for (const message of MESSAGES) syslog.push(message);
  await until("all messages", () => there.got.length === MESSAGES.length);
  await syslog.close();
  await there.close();
  assert.equal(there.got, MESSAGES);
  assert.equal(faults, []);
});

test("a server that is gone is told once, and gets what waited when it is back", async () => {
  const there = await Receiver.on(createServer());
  const { syslog, faults } = output(there.url);
  syslog.push("before");
  await until("the first", () => there.got.length === 1);
  await there.close();
  await until("it has noticed", () => syslog.stats().queued === 0);
  for (const message of MESSAGES) syslog.push(message);
  await until("the fault", () => faults.length > 0);
  const back = await Receiver.on(createServer(), "tcp", there.port);
  await until("what waited", () => back.got.length === MESSAGES.length);
  await syslog.close();
  await back.close();
  assert.equal(back.got, MESSAGES);
  assert.is(faults.length, 1, "told once");
  assert.is(syslog.lost, 0);
});

test("a server that reads nothing is stuck, keeps nobody waiting, and gets all of it from whoever reads", async () => {
  const there = await Receiver.on(createServer());
  there.isDeaf = true;
  const { syslog, faults } = output(there.url);
  const long = "x".repeat(8_000);
  for (let i = 0; i < 1_500; i++) syslog.push(`${i} ${long}`);
  await until("it is stuck", () => faults.some(({ code }) => code === "VEDETTE_OUTPUT_STUCK"));
  there.isDeaf = false;
  for (const socket of there.sockets) socket.destroy();
  await until("the rest", () => there.got.at(-1)?.startsWith("1499 ") === true);
  await syslog.close();
  await there.close();
  const numbers = there.got.map((message) => Number(message.split(" ")[0]));
  // What the kernel had taken for the connection that nobody read is lost with it; what came, came in order
  // and once.
  assert.equal(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  assert.is(new Set(numbers).size, numbers.length);
  assert.is(syslog.lost, 0);
});

test("the end of the command does not wait for a server that takes nothing", async () => {
  const there = await Receiver.on(createServer());
  there.isDeaf = true;
  const { syslog } = output(there.url);
  for (let i = 0; i < 1_500; i++) syslog.push("x".repeat(8_000));
  const begun = performance.now();
  await syslog.close();
  assert.ok(performance.now() - begun < TIMES.closeMs + 40_000);
  assert.ok(syslog.lost > 0, "what is left is counted");
  await there.close();
});

test("over TLS a server is believed whose certificate the given authority has signed, and no other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-syslog-"));
  try {
    makeCertificates(folder, ["server"]);
    const [key, cert] = ["server.key", "server.pem"].map((name) => readFileSync(join(folder, name)));
    const there = await Receiver.on(createSecureServer({ key, cert }), "tls");
    const believed = output(there.url, join(folder, "ca.pem"));
    const doubted = output(there.url);
    for (const message of MESSAGES) believed.syslog.push(message);
    doubted.syslog.push("never");
    await until("all messages", () => there.got.length === MESSAGES.length);
    await until("the fault", () => doubted.faults.length > 0);
    await Promise.all([believed.syslog.close(), doubted.syslog.close()]);
    await there.close();
    assert.equal(there.got, MESSAGES);
    assert.equal(believed.faults, []);
    assert.match(doubted.faults[0]?.message ?? "", /certificate/);
    assert.is(doubted.syslog.lost, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("an authority's file that is not there is an error with its path", () => {
  assert.throws(
    () => new SyslogCarrier(settingsOf("tls://logs", "/nowhere/ca.pem")),
    (error: VedetteError) => error.code === "VEDETTE_HTTP_FILE" && error.message.includes("/nowhere/ca.pem"),
  );
});

test.run();
