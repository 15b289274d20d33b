// SPDX-License-Identifier: Apache-2.0
// Alerts to a syslog server on loopback that is well, slow, gone and back again, over UDP, TCP and TLS.
// rsyslog takes them in test/e2e/syslog.test.ts.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer as createSecureServer } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import { Backlog } from "../../../host/output/backlog.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { SyslogCarrier } from "../../../host/output/syslog.js";
import { localSyslogText } from "../../../host/output/syslog-text.js";
import { parseSyslogUrl, type SyslogSettings, withAuthority } from "../../../host/output/syslog-url.js";
import { until } from "../../until.js";
import { makeCertificates } from "./certificates.js";
import { NEVER_STUCK } from "./shared.js";

const TIMES = { retryMs: 5, retryMsMax: 20, closeMs: 2_000, batchCount: 100 };
const MESSAGES = ["<12>1 a", "<12>1 b\u00e9", "<12>1 c"];

function settingsOf(url: string, ca?: string): SyslogSettings {
  const parsed = parseSyslogUrl(url);
  if (parsed === null) throw new Error(`${url} is no address`);
  return withAuthority(parsed, ca);
}

function output(url: string, ca?: string, stuckMs = NEVER_STUCK.stuckMs): { syslog: Backlog; faults: VedetteError[] } {
  const faults: VedetteError[] = [];
  const syslog = new Backlog({
    name: url,
    kind: "syslog",
    carrier: new SyslogCarrier(settingsOf(url, ca)),
    limits: { ...RECEIVER_LIMITS, ...TIMES, stuckMs, count: 20_000 },
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
    const { url: _, ...rest } = parseSyslogUrl(url) ?? { url };
    return Object.values(rest);
  };
  assert.equal(place("udp://logs"), ["udp", "logs", 514]);
  assert.equal(place("tls://[fd00::1]"), ["tls", "fd00::1", 6514]);
  assert.equal(place("tcp://10.0.0.1:601"), ["tcp", "10.0.0.1", 601]);
  assert.equal(place("unix:/dev/log"), ["unix", "/dev/log"]);
  for (const wrong of [
    "logs:514",
    "tcp://logs",
    "udp://logs:0",
    "udp://logs:65536",
    "http://logs:514",
    "udp://a b",
    "unix:log",
    `unix:/${"x".repeat(107)}`,
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

/** Binds a socket for datagrams at the path, which Node cannot, and says what comes; ends with its input. */
const LISTENER = `
import json, os, socket, sys, threading
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.bind(sys.argv[1])
def take():
    while True: print(json.dumps(there.recv(1 << 20).decode()), flush=True)
print("null", flush=True)
if len(sys.argv) < 3: threading.Thread(target=take, daemon=True).start()
sys.stdin.read()
os.unlink(sys.argv[1])
`;

/** `isDeaf`: it takes nothing. */
async function listensAt(path: string, isDeaf = false) {
  const child = spawn("python3", ["-c", LISTENER, path, ...(isDeaf ? ["deaf"] : [])], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => (text += bytes));
  const got = (): string[] =>
    text
      .split("\n")
      .filter(Boolean)
      .slice(1)
      .map((line) => JSON.parse(line) as string);
  await until("it listens", () => text.startsWith("null"));
  const close = async (): Promise<void> => {
    child.stdin.end();
    await once(child, "exit");
  };
  return { got, close };
}

test("on this machine each message is a datagram, and a server that was started again gets what waited", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "vedette-log-")), "log");
  const first = await listensAt(path);
  const { syslog, faults } = output(`unix:${path}`);
  for (const message of MESSAGES) syslog.push(message);
  await until("all messages", () => first.got().length === MESSAGES.length);
  assert.equal(first.got(), MESSAGES);
  await first.close();
  syslog.push("<12>1 d");
  await until("it is told", () => faults.length > 0);
  assert.match(faults[0]?.message ?? "", new RegExp(`unix:${path}: .*no such file|ENOENT`, "i"));
  const second = await listensAt(path);
  await until("what waited", () => second.got().length === 1);
  await second.close();
  const third = await listensAt(path);
  syslog.push("<12>1 e");
  await until("the next", () => third.got().length === 1);
  await syslog.close();
  await third.close();
  assert.equal([faults.length, syslog.stats().sent], [1, 5]);
  rmSync(dirname(path), { recursive: true });
});

test("on this machine a server that takes nothing holds nobody up, and one message that is too long is refused", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "vedette-log-")), "log");
  const deaf = await listensAt(path, true);
  const { syslog, faults } = output(`unix:${path}`);
  syslog.push("x".repeat(4 << 20));
  await until("it is refused", () => syslog.stats().dropped.refused === 1);
  assert.is(faults[0]?.code, "VEDETTE_SYSLOG_OUTPUT");
  for (let i = 0; i < 2_000; i++) syslog.push(`<12>1 ${i}`);
  await until("it is full", () => syslog.stats().sent > 0 && syslog.stats().queued > 0);
  await syslog.close();
  const { sent, dropped } = syslog.stats();
  assert.is(sent + dropped.closed, 2_000);
  await deaf.close();
  rmSync(dirname(path), { recursive: true });
});

test("what syslog(3) would send: priority, the time of this machine, the tag, and the line", () => {
  const alert = { priority: "Critical" } as Alert;
  const now = new Date(2026, 10, 3, 4, 5, 6);
  assert.is(localSyslogText(alert, "falco", '{"rule":"a"}', now), '<10>Nov  3 04:05:06 falco: {"rule":"a"}');
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
  const { syslog, faults } = output(there.url, undefined, RECEIVER_LIMITS.stuckMs);
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
