// SPDX-License-Identifier: Apache-2.0
// Brings findings of many tasks from a stream of JetStream into one store. A message is acknowledged when the
// store has its row, and the store keeps a row once: so a collector or a server that is killed at any moment
// loses nothing and doubles nothing. Several may collect for one database at once; they share the stream.
import { addAbortListener } from "node:events";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { NatsClient } from "../output/nats-client.js";
import { AckPolicy, type JsMsg, jetstream, jetstreamManager, type NatsConnection } from "../output/nats-library.js";
import type { NatsPlace } from "../output/nats-url.js";
import { visible } from "../output/visible.js";
import { reasonOf } from "../reason.js";
import { findingLine } from "../store/lines.js";
import type { Store } from "../store/store.js";
import { FindingWriter } from "./finding-writer.js";
import { RECORD_BYTES_MAX, saidAlert } from "./said-alert.js";

/** What is collected, from where, and to where. The store is its caller's to close. */
export interface CollectorOptions {
  readonly bus: NatsPlace;
  /** Made where it is not there. */
  readonly stream: string;
  readonly store: Pick<Store, "write">;
  /** It ends when nothing waits; else when it is stopped. */
  readonly isOnce: boolean;
  /** Told why nothing comes, once until something does; and why a message is refused, the first of each. */
  readonly say: (line: string) => void;
}

/** What became of messages since the start. */
export interface Collected {
  /** Rows that the store has: those that it had before among them. */
  readonly kept: number;
  /** Messages that are none of a task's alerts, or of another task's. */
  readonly refused: number;
  /** Messages that the stream dropped before they were read: it has bounds. */
  readonly lost: number;
}

/** `vd.a.TENANT.TASK`. */
const SUBJECTS = ["vd.a.*.*"];
const CONSUMER = "vedette-store";
const STREAM_DAYS = 3;
const DAY_NS = 86_400_000_000_000;
const MS_NS = 1_000_000;
const ACK_MS = 60_000;
/** What a task that floods has of the stream: then its own oldest go. */
const MESSAGES_OF_TASK = 100_000;
const STREAM_BYTES = 1 << 30;
const READ_BYTES = 8 << 20;
const BATCH = 500;
const BUS = "nothing comes from the bus";
const RETRY_MS = 200;
const RETRY_MS_MAX = 5_000;
const IDLE_MS = 2_000;

/** One that collects until it is stopped. */
export class Collector {
  readonly #options: CollectorOptions;
  readonly #client: NatsClient;
  readonly #writer: FindingWriter;
  /** What was told, of what goes on. */
  readonly #told = new Set<string>();
  #kept = 0;
  #refused = 0;
  #lost = 0;

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#client = new NatsClient(options.bus);
    this.#writer = new FindingWriter(options);
  }

  get collected(): Collected {
    return { kept: this.#kept, refused: this.#refused, lost: this.#lost };
  }

  /** Until `signal`. With `isOnce`, until nothing waits, and it throws what goes wrong. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let delay = RETRY_MS; !signal.aborted; delay = Math.min(2 * delay, RETRY_MS_MAX)) {
        const before = this.#kept;
        try {
          await this.#collect(await this.#client.connected(signal), signal);
          return;
        } catch (error) {
          if (this.#options.isOnce) throw error;
          if (!signal.aborted) this.#tell(BUS, reasonOf(error));
        }
        if (this.#kept > before) this.#told.delete(BUS);
        if (this.#kept > before) delay = RETRY_MS;
        await sleep(delay, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      await this.#client.close();
    }
  }

  /** Resolves when it is stopped, or nothing waits. Throws where the connection ends. */
  async #collect(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const { stream, isOnce } = this.#options;
    await prepare(connection, stream);
    const consumer = await jetstream(connection).consumers.get(stream, CONSUMER);
    const { delivered, num_pending: unread, num_ack_pending: unacked } = await consumer.info();
    if (isOnce && unread + unacked === 0) return;
    const messages = await consumer.consume({ max_bytes: READ_BYTES, idle_heartbeat: IDLE_MS / 2, expires: IDLE_MS });
    const stop = (): void => messages.stop();
    const listener = addAbortListener(signal, stop); // also where it was aborted while the server was asked
    void connection.closed().then(stop);
    const waiting: JsMsg[] = [];
    let writing: Promise<void> | null = null;
    const writeAll = async (): Promise<void> => {
      await turn(); // what comes at once is written at once
      while (waiting.length > 0) await this.#write(waiting.splice(0, BATCH), signal);
      writing = null;
      if (!isOnce || connection.isClosed()) return;
      const { num_pending, num_ack_pending } = await consumer.info();
      if (num_pending + num_ack_pending === 0) stop();
    };
    let last = delivered.stream_seq;
    try {
      for await (const message of messages) {
        const { streamSequence: seq, redelivered } = message.info;
        if (!redelivered && seq > last + 1) this.#lost += seq - last - 1;
        last = Math.max(last, seq);
        waiting.push(message);
        writing ??= writeAll();
        if (waiting.length >= BATCH) await writing;
      }
      await writing;
    } finally {
      listener[Symbol.dispose]();
      await messages.close().catch(() => undefined);
    }
    if (connection.isClosed() && !signal.aborted) throw new Error("it closed the connection");
  }

  /** Until the store has them, or it is stopped: then they come again. */
  async #write(messages: readonly JsMsg[], signal: AbortSignal): Promise<void> {
    const read = messages.map((message) => ({ message, alert: saidAlert(message.subject, message.data) }));
    const good = read.flatMap(({ message, alert }) => (typeof alert === "string" ? [] : [{ message, alert }]));
    const lines = good.map(({ alert }) => findingLine(alert));
    const written = await this.#writer.write(lines, signal);
    if (written === null) return;
    this.#kept += written.kept;
    this.#refused += written.refused;
    for (const { message, alert } of read)
      if (typeof alert === "string") {
        this.#refused++;
        this.#tell("a message is refused", `${message.subject}: ${alert}`, alert);
        message.term(alert);
      }
    await Promise.all(good.map(({ message }) => message.ackAck().catch(() => false))); // else it comes again
  }

  /** Once for each key: whoever floods with what is refused does not fill the log. */
  #tell(what: string, why: string, key = what): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#options.say(`vedette: ${what}: ${visible(why)}`);
  }
}

/** The stream, and who reads it, are made where they are not there. */
async function prepare(connection: NatsConnection, name: string): Promise<void> {
  const manager = await jetstreamManager(connection);
  const isThere = await manager.streams.info(name).then(
    () => true,
    () => false,
  );
  if (!isThere)
    await manager.streams.add({
      ...{ name, subjects: SUBJECTS, max_age: STREAM_DAYS * DAY_NS, max_bytes: STREAM_BYTES },
      ...{ max_msgs_per_subject: MESSAGES_OF_TASK, max_msg_size: RECORD_BYTES_MAX },
    });
  await manager.consumers.add(name, {
    durable_name: CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_MS * MS_NS,
  });
}
