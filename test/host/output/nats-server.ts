// SPDX-License-Identifier: Apache-2.0
// A NATS of the tests' own: Debian's server, with a configuration and a folder that goes away. What a stream
// has is asked over a connection of the test's own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamManager, jetstream, jetstreamManager, type StreamConfig } from "@nats-io/jetstream";
import { type ConnectionOptions, connect, type NatsConnection } from "@nats-io/transport-node";
import { until } from "../../until.js";

const PROGRAM = "/usr/sbin/nats-server";
/** What has to be there for it; null: all is. */
export const missing = existsSync(PROGRAM) ? null : "Debian's package nats-server";

/** A message as a stream has it. */
export interface Stored {
  readonly seq: number;
  readonly subject: string;
  readonly id: string;
  readonly body: string;
}

/** One server. Whoever started it must end it. */
export class NatsServer {
  readonly folder: string;
  port = 0;
  #more: string;
  readonly #client: Partial<ConnectionOptions>;
  #server: ChildProcess | null = null;
  #said = "";

  /** `more`: of its configuration. `client`: as whom the test itself comes. */
  static async start(more = "", client: Partial<ConnectionOptions> = {}): Promise<NatsServer> {
    return NatsServer.#started(new NatsServer(more, client));
  }

  /** `fill` makes files of its folder before it starts; its configuration has `FOLDER` for that. */
  static async startIn(fill: (folder: string) => void, more: string): Promise<NatsServer> {
    const server = new NatsServer(more, {});
    fill(server.folder);
    return NatsServer.#started(server);
  }

  static async #started(server: NatsServer): Promise<NatsServer> {
    server.port = await freePort();
    await server.resume();
    return server;
  }

  private constructor(more: string, client: Partial<ConnectionOptions>) {
    this.folder = mkdtempSync(join(tmpdir(), "vedette-nats-"));
    this.#more = more;
    this.#client = client;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again, at the port of before, with the streams of before. `more`: another configuration. */
  async resume(more = this.#more): Promise<void> {
    this.#more = more;
    const config = join(this.folder, "nats.conf");
    const own = `listen: "127.0.0.1:${this.port}"\njetstream: {store_dir: "${join(this.folder, "data")}"}\n`;
    writeFileSync(config, own + this.#more.replaceAll("FOLDER", this.folder));
    const server = spawn(PROGRAM, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    server.stderr.setEncoding("utf8").on("data", (part: string) => {
      this.#said = `${this.#said}${part}`.slice(-8_000);
    });
    const before = this.#said.length;
    await until(
      "nats-server listens",
      () => this.#said.slice(before).includes("Server is ready") || server.exitCode !== null,
      {
        tell: () => this.#said,
      },
    );
    if (server.exitCode !== null) throw new Error(`expected: nats-server starts; got: ${this.#said}`);
  }

  signal(name: NodeJS.Signals): void {
    this.#server?.kill(name);
  }

  /** Until signal("SIGCONT") it takes what the kernel takes for it, and says nothing. */
  async freeze(): Promise<void> {
    this.signal("SIGSTOP");
    const stat = `/proc/${this.#server?.pid}/stat`;
    await until("nats-server is stopped", () => / T /.test(readFileSync(stat, "utf8")));
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null || server.exitCode !== null) return;
    server.kill("SIGCONT");
    server.kill("SIGKILL");
    await once(server, "exit");
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What it has said so far. */
  get log(): string {
    return this.#said;
  }

  /** Does the work over a connection of the test's own. */
  async #asked<T>(work: (manager: JetStreamManager, connection: NatsConnection) => Promise<T>): Promise<T> {
    const connection = await connect({ servers: `127.0.0.1:${this.port}`, reconnect: false, ...this.#client });
    try {
      return await work(await jetstreamManager(connection), connection);
    } finally {
      await connection.close();
    }
  }

  /** Makes a stream. */
  async stream(name: string, subjects: readonly string[], more: Partial<StreamConfig> = {}): Promise<void> {
    await this.#asked((manager) => manager.streams.add({ name, subjects: [...subjects], ...more }));
  }

  /** Takes what one subject has out of a stream. */
  async purge(name: string, subject: string): Promise<void> {
    await this.#asked((manager) => manager.streams.purge(name, { filter: subject }));
  }

  async removeStream(name: string): Promise<void> {
    await this.#asked((manager) => manager.streams.delete(name));
  }

  /** All that a stream has. */
  stored(name: string): Promise<Stored[]> {
    return this.#asked(async (manager) => {
      const { state } = await manager.streams.info(name);
      const found: Stored[] = [];
      const decoder = new TextDecoder();
      if (state.messages === 0) return [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const one = await manager.streams.getMessage(name, { seq });
        if (one === null) continue;
        const { subject, data, header } = one;
        found.push({ seq, subject, id: header.get("Nats-Msg-Id"), body: decoder.decode(data) });
      }
      return found;
    });
  }

  /** Ids of all messages that a stream gets from now on, as they come. */
  async names(stream: string): Promise<{ names: () => string[]; close: () => Promise<void> }> {
    const connection = await connect({ servers: `127.0.0.1:${this.port}`, ...this.#client });
    const consumer = await jetstream(connection).consumers.get(stream);
    const messages = await consumer.consume();
    const got: string[] = [];
    const reading = (async () => {
      for await (const { headers } of messages) got.push(headers?.get("Nats-Msg-Id") ?? "");
    })();
    const close = async (): Promise<void> => {
      messages.stop();
      await reading;
      await connection.close();
    };
    return { names: () => got, close };
  }

  /** How many messages a stream has. */
  count(name: string): Promise<number> {
    return this.#asked(async (manager) => (await manager.streams.info(name)).state.messages);
  }

  /** A file of its folder. */
  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
