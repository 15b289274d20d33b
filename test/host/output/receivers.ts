// SPDX-License-Identifier: Apache-2.0
// A receiver of each kind that has a network, with something in front that is as slow as it is told to be, or
// away. What has come there is told by the names of findings.
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createSecureServer } from "node:tls";
import type { Alert } from "../../../host/output/alert.js";
import type { BacklogLimits } from "../../../host/output/backlog.js";
import { FirehoseCarrier } from "../../../host/output/firehose.js";
import { HttpCarrier } from "../../../host/output/http.js";
import { NatsCarrier, natsLine } from "../../../host/output/nats.js";
import { ocsfAlert } from "../../../host/output/ocsf.js";
import { OtlpCarrier } from "../../../host/output/otlp.js";
import { otlpAlert } from "../../../host/output/otlp-record.js";
import type { Carrier } from "../../../host/output/output.js";
import { S3Carrier } from "../../../host/output/s3.js";
import { SyslogCarrier } from "../../../host/output/syslog.js";
import { syslogText } from "../../../host/output/syslog-text.js";
import { parseSyslogUrl, withAuthority } from "../../../host/output/syslog-url.js";
import { awsReceiver, REGION } from "./aws-receiver.js";
import { makeCertificates } from "./certificates.js";
import { NatsServer } from "./nats-server.js";
import { otlpReceiver } from "./otlp-receiver.js";

/** How long a carrier waits for the answer of a receiver that is slow, ms: short for a test. */
export const SHORT_MS = 1_000;
/** Between two bytes of a slow receiver, ms. */
const BYTE_MS = 50;
/** Of loopback, and of no other test: nobody takes the port while a receiver is away. */
const ADDRESS = "127.61.7.19";
const FOLDER = mkdtempSync(join(tmpdir(), "vedette-slow-"));
makeCertificates(FOLDER, ["server"], ADDRESS);
process.on("exit", () => rmSync(FOLDER, { recursive: true, force: true }));

/** How it takes what comes. */
export type Manner =
  | "takes a byte now and then"
  | "never answers"
  | "never ends its answer"
  | "answers slowly"
  | "well";

/** Stands in front of a receiver, and is as slow as it is told to be. */
export class Slow {
  manner: Manner = "well";
  port = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those from whoever sends. */
  readonly #near = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(port: number): Promise<Slow> {
    const server = createServer({ pauseOnConnect: true });
    const slow = new Slow(server);
    server.on("connection", (near: Socket) => slow.#join(near, connect(port, "127.0.0.1")));
    await slow.comeBack();
    slow.port = (server.address() as AddressInfo).port;
    return slow;
  }

  /** Where it is. */
  get place(): string {
    return `${ADDRESS}:${this.port}`;
  }

  /** Connections end, and nobody listens any more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** As a server that is stopped: both sides know that connections ended, and nobody listens any more. */
  async leave(): Promise<void> {
    for (const near of this.#near) near.end();
    this.#server.close();
    await once(this.#server, "close"); // when they have all ended
  }

  /** At the port of before. */
  async comeBack(): Promise<void> {
    this.#server.listen(this.port, ADDRESS);
    await once(this.#server, "listening");
  }

  #join(near: Socket, far: Socket): void {
    this.#near.add(near);
    near.on("close", () => this.#near.delete(near));
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
export interface There {
  readonly slow: Slow;
  readonly carrier: Carrier;
  readonly text: (alert: Alert) => string;
  readonly limits: Partial<BacklogLimits>;
  names(): string[];
  close(): Promise<void>;
}

const portOf = (url: string): number => Number(new URL(url).port);
const uid = (line: string): string => (JSON.parse(line) as { metadata: { uid: string } }).metadata.uid;
const ocsf = (alert: Alert): string => ocsfAlert(alert, "1.5.0", "0");

async function otlp(answerMs?: number): Promise<There> {
  const there = await otlpReceiver();
  const slow = await Slow.before(there.port);
  const settings = { url: `http://${slow.place}/v1/logs`, userAgent: "vedette", capacity: 0 };
  const names = (): string[] => there.taken.map(({ attributes }) => String(attributes["log.record.uid"]));
  const limits = { batchCount: 500 };
  return {
    slow,
    carrier: new OtlpCarrier(settings, "0", answerMs),
    text: otlpAlert,
    limits,
    names,
    close: there.close,
  };
}

async function aws(kind: "firehose" | "s3", answerMs?: number): Promise<There> {
  const there = await awsReceiver();
  const slow = await Slow.before(portOf(there.url));
  Object.assign(process.env, there.environment);
  const place = { region: REGION, endpoint: `http://${slow.place}`, capacity: 0 };
  const carrier =
    kind === "s3"
      ? new S3Carrier({ ...place, bucket: "lake", prefix: "", lingerMs: 10 }, answerMs)
      : new FirehoseCarrier({ ...place, stream: "alerts" }, answerMs);
  const got: string[] = [];
  let seen = 0;
  const names = (): string[] => {
    for (; seen < there.puts.length; seen++) got.push(...there.puts[seen]!.lines.map(uid)); // each is read once
    return got;
  };
  const limits = kind === "s3" ? { batchCount: 10_000, lingerMs: 10 } : { batchCount: 500 };
  return { slow, carrier, text: ocsf, limits, names, close: there.close };
}

/** Falco's receiver: an alert in a request. */
async function http(answerMs?: number): Promise<There> {
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
  const carrier = new HttpCarrier({
    ...{ url: `http://${slow.place}/`, userAgent: "f", capacity: 0 },
    ...(answerMs === undefined ? {} : { answerMs }),
  });
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
  const settings = parseSyslogUrl(`${transport}://${slow.place}`);
  if (settings === null) throw new Error("no address");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  const text = (alert: Alert): string => syslogText({ ...alert, output: "x".repeat(8_000) }, 8_096);
  const carrier = new SyslogCarrier(withAuthority(settings, join(FOLDER, "ca.pem")));
  return { slow, carrier, text, limits: { batchCount: 100 }, names: () => got, close };
}

/** What has come there is in the stream; it is asked for when somebody wants to know. */
async function nats(answerMs?: number): Promise<There> {
  const there = await NatsServer.start();
  await there.stream("VA", ["vd.a.*"]);
  const slow = await Slow.before(there.port);
  const settings = { url: `nats://${slow.place}`, subject: "vd.a.{tenant}", capacity: 0 };
  const { names, close: stop } = await there.names("VA");
  const text = (alert: Alert): string => natsLine(settings.subject, alert, ocsf(alert));
  const close = async (): Promise<void> => {
    await stop();
    await there.end();
  };
  return { slow, carrier: new NatsCarrier(settings, answerMs), text, limits: { batchCount: 256 }, names, close };
}

/** By what they are called, one each. `answerMs`: how long its carrier waits for an answer. */
export const KINDS: Record<string, (answerMs?: number) => Promise<There>> = {
  otlp,
  firehose: (answerMs) => aws("firehose", answerMs),
  s3: (answerMs) => aws("s3", answerMs),
  http,
  nats,
  "syslog over TCP": () => syslog("tcp"),
  "syslog over TLS": () => syslog("tls"),
};
