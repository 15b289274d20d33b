// SPDX-License-Identifier: Apache-2.0
// Receivers that are there and slow, one by one for each output that has a network: one that takes a byte
// now and then, one that takes everything and never answers, one whose answer never ends, and one that
// answers more slowly than findings come. Of each the same is asked: another output is not delayed, what has
// no room is counted by its reason while that happens, and when the receiver is well again it has every
// finding that was taken, each by one name, however often it came.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createSecureServer } from "node:tls";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import type { Alert } from "../../../host/output/alert.js";
import { FirehoseCarrier } from "../../../host/output/firehose.js";
import { HttpCarrier } from "../../../host/output/http.js";
import { ocsfAlert } from "../../../host/output/ocsf.js";
import { OtlpCarrier } from "../../../host/output/otlp.js";
import { otlpAlert } from "../../../host/output/otlp-record.js";
import type { Carrier } from "../../../host/output/output.js";
import { OutputQueue, type QueueLimits } from "../../../host/output/queue.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { S3Carrier } from "../../../host/output/s3.js";
import { SyslogCarrier } from "../../../host/output/syslog.js";
import { syslogText } from "../../../host/output/syslog-text.js";
import { parseSyslogUrl } from "../../../host/output/syslog-url.js";
import { until } from "../../until.js";
import { awsReceiver, REGION } from "./aws-receiver.js";
import { makeCertificates } from "./certificates.js";
import { otlpReceiver } from "./otlp-receiver.js";
import { CONNECT, FINDING } from "./shared.js";

/** How long a carrier waits for an answer, ms: long for a request on loopback, short for a test. */
const ANSWER_MS = 1_000;
/** Between two bytes of a slow receiver, ms. */
const BYTE_MS = 50;
const FOLDER = mkdtempSync(join(tmpdir(), "vedette-slow-"));
makeCertificates(FOLDER, ["server"]);

type Manner = "takes a byte now and then" | "never answers" | "never ends its answer" | "answers slowly" | "well";

/** Stands in front of a receiver, and is as slow as it is told to be. */
class Slow {
  manner: Manner = "well";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(port: number): Promise<Slow> {
    const server = createServer({ pauseOnConnect: true });
    const slow = new Slow(server);
    server.on("connection", (near: Socket) => slow.#join(near, connect(port, "127.0.0.1")));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return slow;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket, far: Socket): void {
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    this.#pass(near, far, this.#requested).catch(() => near.destroy());
    this.#pass(far, near, this.#answered).catch(() => far.destroy());
  }

  /** `now`: how many of these bytes go on at this moment. What does not waits. */
  async #pass(from: Socket, to: Socket, now: (bytes: Buffer) => number): Promise<void> {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      for (let rest = bytes; rest.length > 0 && !to.destroyed; ) {
        const isSlow = now(rest) < rest.length || this.manner === "answers slowly";
        if (isSlow) await new Promise((done) => setTimeout(done, BYTE_MS));
        const count = now(rest);
        if (count > 0 && !to.write(rest.subarray(0, count))) await Promise.race([once(to, "drain"), once(to, "close")]);
        rest = rest.subarray(count);
      }
    }
  }

  readonly #requested = ({ length }: Buffer): number => (this.manner === "takes a byte now and then" ? 1 : length);

  /** An answer that does not end: its head comes, then a byte at a time, and never the last one. */
  readonly #answered = (bytes: Buffer): number => {
    if (this.manner === "never answers") return 0;
    if (this.manner !== "never ends its answer") return bytes.length;
    const head = bytes.toString("latin1", 0, 5) === "HTTP/" ? bytes.indexOf("\r\n\r\n") : -1;
    return head >= 0 ? head + 4 : Math.min(1, bytes.length - 1);
  };
}

/** A receiver of one kind, with something slow in front, and what has come there: the names of findings. */
interface There {
  readonly slow: Slow;
  readonly carrier: Carrier;
  readonly text: (alert: Alert) => string;
  readonly limits: Partial<QueueLimits>;
  names(): string[];
  close(): Promise<void>;
}

const portOf = (url: string): number => Number(new URL(url).port);
const uid = (line: string): string => (JSON.parse(line) as { metadata: { uid: string } }).metadata.uid;
const ocsf = (alert: Alert): string => ocsfAlert(alert, "1.5.0", "0");

async function otlp(): Promise<There> {
  const there = await otlpReceiver();
  const slow = await Slow.before(there.port);
  const settings = { url: `http://127.0.0.1:${slow.port}/v1/logs`, userAgent: "vedette", capacity: 0 };
  const names = (): string[] => there.taken.map(({ attributes }) => String(attributes["log.record.uid"]));
  const limits = { batchCount: 500 };
  return {
    slow,
    carrier: new OtlpCarrier(settings, "0", ANSWER_MS),
    text: otlpAlert,
    limits,
    names,
    close: there.close,
  };
}

async function aws(kind: "firehose" | "s3"): Promise<There> {
  const there = await awsReceiver();
  const slow = await Slow.before(portOf(there.url));
  Object.assign(process.env, there.environment);
  const place = { region: REGION, endpoint: `http://127.0.0.1:${slow.port}`, capacity: 0 };
  const carrier =
    kind === "s3"
      ? new S3Carrier({ ...place, bucket: "lake", prefix: "", lingerMs: 10 }, ANSWER_MS)
      : new FirehoseCarrier({ ...place, stream: "alerts" }, ANSWER_MS);
  const names = (): string[] => there.puts.flatMap(({ lines }) => lines.map(uid));
  const limits = kind === "s3" ? { batchCount: 10_000, lingerMs: 10 } : { batchCount: 500 };
  return { slow, carrier, text: ocsf, limits, names, close: there.close };
}

/** Falco's receiver: an alert in a request. */
async function http(): Promise<There> {
  const { createServer: createHttp } = await import("node:http");
  const got: string[] = [];
  const server = createHttp(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    got.push(uid(body));
    response.end("taken");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const slow = await Slow.before((server.address() as AddressInfo).port);
  const carrier = new HttpCarrier({ url: `http://127.0.0.1:${slow.port}/`, userAgent: "f", capacity: 0 }, ANSWER_MS);
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  return { slow, carrier, text: ocsf, limits: {}, names: () => got, close };
}

async function syslog(transport: "tcp" | "tls"): Promise<There> {
  const got: string[] = [];
  const pem = (name: string): Buffer => readFileSync(join(FOLDER, name));
  const server =
    transport === "tcp" ? createServer() : createSecureServer({ key: pem("server.key"), cert: pem("server.pem") });
  const sockets: Socket[] = [];
  server.on(transport === "tls" ? "secureConnection" : "connection", (socket: Socket) => {
    sockets.push(socket);
    let rest = "";
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      rest += bytes.toString("latin1");
      for (let blank = rest.indexOf(" "); blank > 0; blank = rest.indexOf(" ")) {
        const end = blank + 1 + Number(rest.slice(0, blank));
        if (rest.length < end) return;
        got.push(/ id="([^"]+)"/.exec(rest.slice(blank, end))?.[1] ?? "");
        rest = rest.slice(end);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const slow = await Slow.before((server.address() as AddressInfo).port);
  const settings = parseSyslogUrl(`${transport}://127.0.0.1:${slow.port}`);
  if (settings === null) throw new Error("no address");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  const text = (alert: Alert): string => syslogText({ ...alert, output: "x".repeat(8_000) }, 8_096);
  const carrier = new SyslogCarrier({ ...settings, ca: join(FOLDER, "ca.pem") });
  return { slow, carrier, text, limits: { batchCount: 100 }, names: () => got, close };
}

const KINDS: Record<string, () => Promise<There>> = {
  otlp,
  firehose: () => aws("firehose"),
  s3: () => aws("s3"),
  http,
  "syslog over TCP": () => syslog("tcp"),
  "syslog over TLS": () => syslog("tls"),
};
const MANNERS: readonly Manner[] = [
  "takes a byte now and then",
  "never answers",
  "never ends its answer",
  "answers slowly",
];
/** So many may wait; and so many findings come, unless the kernel takes more for a receiver that is slow. */
const ROOM = 60;
const FINDINGS_MAX = 20_000;

/** An output that takes all at once, as another one beside the slow one. */
function other(): OutputQueue {
  const carrier: Carrier = { send: () => Promise.resolve({ outcome: "done" }), close: () => undefined };
  const limits = { ...RECEIVER_LIMITS, count: FINDINGS_MAX, batchCount: 1000 };
  return new OutputQueue({ name: "other", kind: "http", carrier, limits, text: String, onFault: () => undefined });
}

for (const [kind, open] of Object.entries(KINDS)) {
  // Syslog has no answers.
  for (const manner of kind.startsWith("syslog") ? MANNERS.slice(0, 1) : MANNERS) {
    test(`${kind}: a receiver that ${manner} delays no other output, and loses nothing that was taken`, async () => {
      const there = await open();
      const faults: string[] = [];
      const queue = new OutputQueue({
        ...{ name: "slow", kind, carrier: there.carrier, text: there.text },
        limits: { ...RECEIVER_LIMITS, retryMs: 5, retryMsMax: 50, count: ROOM, ...there.limits },
        onFault: ({ code }) => faults.push(code),
      });
      const quick = other();
      there.slow.manner = manner;
      const accepted: string[] = [];
      let came = 0;
      const isFull = (): boolean => queue.stats().dropped.full > ROOM;
      // They come faster than the receiver takes them, until some have had no room.
      while (!isFull() && came < FINDINGS_MAX) {
        const finding = { ...FINDING, tid: came++ };
        const before = queue.lost;
        queue.write({ ...CONNECT, finding });
        quick.write({ ...CONNECT, finding });
        if (queue.lost === before) accepted.push(findingId(finding));
        if (came % 20 === 0) await new Promise((done) => setImmediate(done));
      }
      assert.ok(isFull(), `${came} findings had room`);
      await until("the other output has all", () => quick.stats().sent === came);
      if (manner !== "answers slowly") {
        await until("it is told", () => faults.length > 0);
        assert.is.not(queue.health(), null);
      }
      const { dropped } = queue.stats();
      assert.equal({ ...dropped, full: 0 }, { full: 0, refused: 0, closed: 0, damaged: 0 });
      assert.is(dropped.full, came - accepted.length, "each drop is counted, while it happens");
      there.slow.manner = "well";
      await until("all are there", () => queue.stats().queued === 0 && there.names().length >= accepted.length);
      await Promise.all([queue.close(), quick.close(), there.slow.close()]);
      await there.close();
      assert.equal([...new Set(there.names())].sort(), accepted.sort());
      assert.is(queue.stats().sent, accepted.length);
    });
  }
}

test.after(() => rmSync(FOLDER, { recursive: true, force: true }));

test.run();
