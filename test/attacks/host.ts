// SPDX-License-Identifier: Apache-2.0
//
// For the attacks on the host: a `vedette serve` of its own, agents played by hand, and the honest control:
// an agent beside the attacker whose open of /etc/shadow becomes an alert all the same.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packr } from "msgpackr";
import type { Test } from "uvu";
import { SCHEMA } from "../../build/generated/events.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { until } from "../until.js";

const WAIT_MS_MAX = 30_000;
/** As long as a container's health check of ECS waits unless told otherwise. */
const HEALTH_MS_MAX = 5_000;
const packr = new Packr({ useRecords: false });

export interface AlertLine {
  readonly rule: string;
  readonly output: string;
  readonly hostname: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}

export class Host {
  readonly alerts: AlertLine[] = [];
  stderr = "";
  /** How it ended; null: it runs. */
  end: { readonly status: number | null; readonly signal: string | null } | null = null;
  #rest = "";

  private constructor(
    readonly child: ChildProcess,
    readonly socket: string,
    readonly http: string,
  ) {}

  /** Starts it in a folder of the caller's, and waits until it listens. */
  static async start(folder: string, words: readonly string[] = []): Promise<Host> {
    const socket = `${folder}/host.sock`;
    const port = 20_000 + ((process.pid * 7 + ports++) % 12_000); // below what the kernel gives to those who connect
    const http = `127.0.0.1:${port}`;
    const argv = ["build/js/host/main.js", "serve", "--listen", `unix:${socket}`, "--http", http, ...words];
    const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
    const host = new Host(child, socket, http);
    child.stdout.on("data", (text: Buffer) => host.#read(text.toString()));
    child.stderr.on("data", (text: Buffer) => {
      host.stderr += text.toString();
    });
    child.on("exit", (status, signal) => {
      host.end = { status, signal };
    });
    await until("the host listens", () => host.stderr.includes("listening at") || host.end !== null);
    if (host.end !== null) throw new Error(`the host ended: ${host.stderr}`);
    return host;
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.alerts.push(...lines.map((line) => JSON.parse(line) as AlertLine));
  }

  /** What /healthz says: its status, 0 where nobody answers. */
  async health(): Promise<number> {
    const signal = AbortSignal.timeout(HEALTH_MS_MAX);
    return fetch(`http://${this.http}/healthz`, { signal, headers: { connection: "close" } }).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
  }

  /** A number of /metrics, all labels together. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://${this.http}/metrics`, { headers: { connection: "close" } })).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }
  get threads(): number {
    return readdirSync(`/proc/${this.child.pid}/task`).length;
  }
  /** Memory of its own. Pages of files come and go with what it does (capture/addon/idle_code.h). */
  get ownMib(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(/RssAnon:\s+(\d+)/.exec(status)![1]) / 1024;
  }

  /** Alerts that name this process. */
  alertsOf(process: string): AlertLine[] {
    return this.alerts.filter(({ output }) => output.includes(`process=${process} `));
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await until("the host ends", () => this.end !== null);
  }
}
let ports = 0;

export interface AgentOptions {
  readonly container?: string | null;
  /** As ECS numbers it. */
  readonly id?: string;
  readonly hostname?: string;
  readonly secret?: string | null;
  readonly source?: Uint8Array;
}

let sources = 1;

/** An agent's side of a stream, by hand. */
export class HandAgent {
  readonly source: Uint8Array;
  isClosed = false;
  /** Bytes that the host has said. */
  heard = Buffer.alloc(0);
  #seq = 0;
  #isBlocked = false;
  #beat: NodeJS.Timeout | null = null;
  readonly #options: AgentOptions;

  constructor(
    readonly socket: Socket,
    options: AgentOptions = {},
  ) {
    this.#options = options;
    this.source = options.source ?? sourceOf(sources++);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
      if (this.#beat !== null) clearInterval(this.#beat);
    });
    socket.on("data", (bytes: Buffer) => {
      this.heard = Buffer.concat([this.heard, bytes]);
    });
    socket.on("drain", () => {
      this.#isBlocked = false;
    });
  }

  /** Connects and says nothing. */
  static async silent(path: string, options: AgentOptions = {}): Promise<HandAgent> {
    const socket = connect(path);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new HandAgent(socket, options);
  }

  /**
   * Connects, says hello, and waits until it is admitted. It beats like a true one, and like that it comes
   * again where its connection is ended without a word.
   */
  static async honest(path: string, options: AgentOptions = {}): Promise<HandAgent> {
    const own = { ...options, source: options.source ?? sourceOf(sources++) };
    for (const end = performance.now() + WAIT_MS_MAX; performance.now() < end; ) {
      const agent = await HandAgent.silent(path, own);
      agent.write(agent.hello());
      const isHeard = () => agent.heard.length > 0;
      await until("the honest agent is admitted", () => isHeard() || agent.isClosed);
      if (isHeard()) {
        agent.#beat = setInterval(() => agent.write(agent.alive()), 500);
        await until("the honest agent is admitted", () => agent.heard.includes("ready"));
        return agent;
      }
    }
    throw new Error("the honest agent is turned away again and again");
  }

  write(...frames: readonly Uint8Array[]): void {
    this.#isBlocked = !this.socket.write(Buffer.concat(frames));
  }
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  hello(): Buffer {
    const { container = "honest", id = null, hostname = "box", secret = null } = this.#options;
    const info = {
      pid: 7,
      hostname,
      command: ["app"],
      agent: "0.2.0",
      kernel: "6.1",
      arch: "x86_64",
      tiers: ["trace"],
      snaplen: 80,
      container: { name: container, id, metadata: null },
      secret,
    };
    return frame(packr.pack(["hello", 1, SCHEMA, Buffer.from(this.source), info]));
  }

  alive(): Buffer {
    return frame(packr.pack(["alive"]));
  }

  /** A batch in which `process` opens /etc/shadow, `count` times. */
  shadow(
    process: string,
    more: { time?: bigint; count?: number; source?: Uint8Array; args?: readonly string[] } = {},
  ): Buffer {
    const { time = BigInt(Date.now()) * 1_000_000n, count = 1, source = this.source, args = [] } = more;
    const seq = ++this.#seq;
    const builder = new BatchBuilder({ seq, first: seq * 10_000, clock: time, source });
    const opener = builder.process({ pid: 7, name: process, args: [...args] });
    for (let i = 0; i < count; i++) {
      const descriptor = builder.descriptor({ name: "/etc/shadow", realpath: "/etc/shadow" });
      const params = { dirfd: -100, name: "/etc/shadow", flags: 0 };
      builder.record("openat", { process: opener, descriptor, result: 3, fd: 3, time, params });
    }
    return frame(builder.bytes());
  }

  /** A batch as large as may be, of calls that no rule asks for. */
  bulk(): Buffer {
    const seq = ++this.#seq;
    const builder = new BatchBuilder({ seq, first: seq * 10_000, clock: 1n, source: this.source });
    for (let i = 0; i < 200; i++)
      builder.record("write", { params: { data: Buffer.alloc(4096, `${seq}.${i};`), size: 4096 } });
    return frame(builder.bytes());
  }

  close(): void {
    this.socket.destroy();
  }
}

/** An agent's word on how full it is, true or not. */
export function fill(...numbers: readonly unknown[]): Buffer {
  return frame(packr.pack(["fill", ...numbers]));
}

/** An agent's word on what its container uses, true or not. */
export function usage(...words: readonly unknown[]): Buffer {
  return frame(packr.pack(["usage", ...words]));
}

export function sourceOf(number: number): Uint8Array {
  const source = Buffer.alloc(16, 0x5a);
  source.writeUInt32LE(number);
  source.writeUInt32LE(process.pid, 4); // attackers and the honest agent may be processes of their own
  return source;
}

export function frame(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
}

let controls = 0;

/**
 * The honest control: an agent's open of /etc/shadow becomes an alert, and health is green. Gives the ms it
 * took.
 */
export async function stillJudges(host: Host, agent: HandAgent, ms = WAIT_MS_MAX): Promise<number> {
  const name = `control${controls++}`;
  const begun = performance.now();
  agent.write(agent.shadow(name));
  await until("the honest agent's alert", () => host.alertsOf(name).length > 0, { ms });
  const took = performance.now() - begun;
  const health = await host.health();
  if (health !== 200) throw new Error(`/healthz says ${health} while the honest agent is judged`);
  return took;
}

export interface Attacked {
  readonly folder: string;
  readonly host: Host;
  /** The task's. */
  readonly secret: string;
  /** Of each container that has one of its own. */
  readonly own: ReadonlyMap<string, string>;
  readonly honest: HandAgent;
  /** What is to be killed at the end. */
  readonly started: ChildProcess[];
  /** Starts a true agent of this container, around a command. */
  watch(container: string, ...command: readonly string[]): ChildProcess;
}

export interface AttackedOptions {
  /** Containers that have secrets of their own. */
  readonly named?: readonly string[];
  /** Whether it answers the control API: at `status.sock` in its folder. */
  readonly hasStatus?: boolean;
}

/**
 * A host that asks for a secret, and an honest agent that knows it; `test.after` ends both. One to a file.
 */
export async function openHost(test: Test, { named = [], hasStatus = false }: AttackedOptions = {}): Promise<Attacked> {
  const folder = mkdtempSync(join(tmpdir(), "attacked-"));
  const file = (name: string) => join(folder, name);
  const words = named.flatMap((name) => ["--container-secret", `${name}=${file(`own-${name}`)}`]);
  if (hasStatus) words.push("--control", file("status.sock"));
  const host = await Host.start(folder, ["--secret-file", file("secret"), ...words]);
  const started: ChildProcess[] = [];
  test.after(async () => {
    for (const child of started) child.kill("SIGKILL");
    await host.stop();
    rmSync(folder, { recursive: true });
  });
  const watch = (container: string, ...command: readonly string[]): ChildProcess => {
    const options = ["--host", `unix:${host.socket}`, "--secret-file", file("secret"), "--start", "security", "--"];
    const env = { ...process.env, VEDETTE_CONTAINER: container };
    const child = spawn("build/vedette-capture", [...options, ...command], { stdio: "ignore", env });
    started.push(child);
    return child;
  };
  const read = (name: string) => readFileSync(file(name), "utf8").trim();
  const own = new Map(named.map((name) => [name, read(`own-${name}`)]));
  const secret = read("secret");
  const honest = await HandAgent.honest(host.socket, { secret });
  return { folder, host, secret, own, honest, started, watch };
}
