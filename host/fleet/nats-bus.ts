// SPDX-License-Identifier: Apache-2.0
// A bus of NATS JetStream. A message counts as taken when its stream has acknowledged it. It has no id: a
// reader knows what came twice by the batches' numbers, and a server's own books of ids may know a message
// that it does not have (nats-server#6415).
import { addAbortListener, once } from "node:events";
import { endOfFailure, NatsClient } from "../output/nats-client.js";
import {
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstream,
  jetstreamManager,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
} from "../output/nats-library.js";
import type { NatsPlace } from "../output/nats-url.js";
import {
  type Bus,
  BusFailure,
  type BusFailureKind,
  type BusMessage,
  type ReadOptions,
  type StreamEdges,
  type StreamForm,
} from "./bus.js";

const ANSWER_MS = 5_000;
const MS_NS = 1_000_000;
/** What a message has beside its body: its subject, and the protocol's line. */
const HEAD_BYTES = 512;
const READ = { max_bytes: 8 << 20, idle_heartbeat: 1_000, expires: 5_000 };
const KIND_OF = { large: "large", subject: "refused", failed: "away" } as const;
const NOBODY = /no stream takes/;
/** JSStreamNotFoundErr of nats-server's server/errors.json. */
const NO_STREAM = 10059;

/** How long it waits for an answer, ms. */
export interface NatsBusOptions {
  readonly answerMs?: number;
}

/** Over one connection, which is made when it is needed, and again after it broke. */
export class NatsBus implements Bus {
  readonly #client: NatsClient;
  readonly #answerMs: number;

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor(place: NatsPlace, { answerMs = ANSWER_MS }: NatsBusOptions = {}) {
    this.#client = new NatsClient(place, answerMs);
    this.#answerMs = answerMs;
  }

  async publish(subject: string, body: Uint8Array, signal: AbortSignal): Promise<number> {
    return this.#with(signal, async (connection) => {
      const most = bodyMaxOf(connection);
      if (body.length > most) throw new BusFailure("large", `it takes ${most} bytes, and this has ${body.length}`);
      const { seq } = await jetstream(connection, { timeout: this.#answerMs }).publish(subject, body);
      if (!Number.isSafeInteger(seq) || seq < 1)
        throw new BusFailure("away", "it answered without the message's number");
      return seq;
    });
  }

  largest(signal: AbortSignal): Promise<number> {
    return this.#with(signal, async (connection) => bodyMaxOf(connection));
  }

  async ensure(form: StreamForm, signal: AbortSignal): Promise<void> {
    await this.#with(signal, async (connection) => {
      const { streams } = await jetstreamManager(connection, { timeout: this.#answerMs, checkAPI: false });
      const isThere = await streams.info(form.name).then(
        () => true,
        () => false,
      );
      if (isThere) return;
      await streams.add({
        name: form.name,
        subjects: [...form.subjects],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        storage: form.isInMemory === true ? StorageType.Memory : StorageType.File,
        num_replicas: form.replicas ?? 1,
        max_age: form.maxAgeMs * MS_NS,
        max_bytes: form.maxBytes,
        max_msgs_per_subject: form.maxMessages ?? -1,
        max_msg_size: form.maxMessageBytes ?? -1,
      });
    });
  }

  async edges(stream: string, signal: AbortSignal): Promise<StreamEdges | null> {
    return this.#with(signal, async (connection) => {
      const { streams } = await jetstreamManager(connection, { timeout: this.#answerMs, checkAPI: false });
      try {
        const { first_seq, last_seq } = (await streams.info(stream)).state;
        return { first: first_seq, last: last_seq };
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === NO_STREAM) return null;
        throw error;
      }
    });
  }

  async *read(stream: string, { from, isOnce, signal }: ReadOptions): AsyncIterable<BusMessage> {
    const connection = await this.#connected(signal);
    try {
      if (isOnce) {
        const { streams } = await jetstreamManager(connection, { checkAPI: false });
        const { last_seq, messages } = (await streams.info(stream)).state;
        if (messages === 0 || last_seq < from) return;
      }
      const start = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from) };
      const consumer = await jetstream(connection).consumers.get(stream, start);
      const messages = await consumer.consume(READ);
      const stop = (): void => messages.stop();
      const listener = addAbortListener(signal, stop); // also where it was aborted while the server was asked
      void connection.closed().then(stop);
      try {
        for await (const { subject, data, info } of messages) {
          const { streamSequence: seq, timestampNanos, pending } = info;
          yield { subject, body: data, seq, time: timestampNanos / MS_NS, pending };
          if (isOnce && pending === 0) return;
        }
      } finally {
        listener[Symbol.dispose]();
        await messages.close().catch(() => undefined);
      }
    } catch (error) {
      throw failureOf(error);
    }
    if (!signal.aborted) throw new BusFailure("away", "it closed the connection");
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** A connection on which nothing is answered may be there no more: the next one is a new one. */
  async #with<T>(signal: AbortSignal, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
    const connection = await this.#connected(signal);
    const over = new AbortController();
    const stopped = once(signal, "abort", { signal: over.signal }).then(() => {
      throw new BusFailure("away", "it was not waited for");
    });
    stopped.catch(() => undefined);
    try {
      if (signal.aborted) throw new BusFailure("away", "it was not waited for");
      return await Promise.race([work(connection), stopped]);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "away" && !signal.aborted) void connection.close().catch(() => undefined);
      throw failure;
    } finally {
      over.abort();
    }
  }

  async #connected(signal: AbortSignal): Promise<NatsConnection> {
    return this.#client.connected(signal).catch((error: unknown) => {
      throw new BusFailure("away", (error as Error).message, error);
    });
  }
}

const bodyMaxOf = ({ info }: NatsConnection): number => Math.max(0, (info?.max_payload ?? 0) - HEAD_BYTES);

function failureOf(error: unknown): BusFailure {
  if (error instanceof BusFailure) return error;
  const end = endOfFailure(error);
  if (end.kind === "taken") return new BusFailure("away", "it says nothing", error);
  const kind: BusFailureKind = NOBODY.test(end.reason) ? "nobody" : KIND_OF[end.kind];
  return new BusFailure(kind, end.reason, error);
}
