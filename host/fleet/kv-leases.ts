// SPDX-License-Identifier: Apache-2.0
// The table of leases in a bucket of NATS' key-value store, which is a stream of JetStream: `p.7` is the row
// of partition 7, `h.NAME` that of a host. A write names the revision that it replaces
// (Nats-Expected-Last-Subject-Sequence), so the server compares and sets. What a row says is read as any
// peer's words: a row of another form is no lease, and whoever takes the partition writes it anew.
import { addAbortListener } from "node:events";
import * as z from "zod";
import type { NatsClient } from "../output/nats-client.js";
import { JetStreamApiError, type KV, Kvm, type NatsConnection } from "../output/nats-library.js";
import type { Lease, LeaseHandlers, Leases, LeaseWrite } from "./leases.js";

/** The bucket, and how many servers keep it. */
export interface KvLeasesOptions {
  readonly client: NatsClient;
  /** Made where it is not there. */
  readonly bucket: string;
  /** Of a bucket that is made: 1, 3 or 5. */
  readonly replicas: number;
}

/** JSStreamWrongLastSequenceErrF of nats-server's server/errors.json. */
const WRONG_LAST = 10071;
const PARTITION = /^p\.(\d{1,5})$/;
const HOST = "h.";
const ROW_BYTES_MAX = 1024;
/** Longer than any request of a lease may take: its owner would have stopped by then. */
const ANSWER_MS = 5_000;
const whole = z.int().min(0);
const Row = z.strictObject({ owner: z.string().min(1).max(256).nullable(), epoch: whole, beat: whole });

/** Leases in a bucket of JetStream. */
export class KvLeases implements Leases {
  readonly #options: KvLeasesOptions;
  /** The bucket, and the connection that it is asked over. */
  #open: { readonly connection: NatsConnection; readonly bucket: KV } | null = null;

  constructor(options: KvLeasesOptions) {
    this.#options = options;
  }

  async watch({ onLease, onHost, onReady }: LeaseHandlers, signal: AbortSignal): Promise<void> {
    const { connection, bucket } = await this.#opened();
    let isReady = false;
    const ready = (): void => {
      if (!isReady) onReady();
      isReady = true;
    };
    const rows = await bucket.watch();
    const stop = (): void => rows.stop();
    const listener = addAbortListener(signal, stop); // also where it was aborted while the table was asked
    void connection.closed().then(stop);
    // A bucket without rows tells nothing, not even that it has told all.
    if ((await bucket.status()).values === 0) ready();
    try {
      for await (const { key, value, revision, operation, delta } of rows) {
        if (key.startsWith(HOST)) onHost(key.slice(HOST.length), operation !== "PUT");
        const lease = leaseOf(key, operation === "PUT" ? value : null, revision);
        if (lease !== null) onLease(lease);
        if (delta === 0) ready();
      }
    } finally {
      listener[Symbol.dispose]();
    }
    if (!signal.aborted) throw new Error("it closed the connection");
  }

  async write({ partition, owner, epoch, beat }: LeaseWrite, revision: number): Promise<number | null> {
    const { bucket } = await this.#opened();
    const key = `p.${partition}`;
    const row = JSON.stringify({ owner, epoch, beat });
    try {
      return revision === 0 ? await bucket.create(key, row) : await bucket.update(key, row, revision, ANSWER_MS);
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST) return null;
      throw error;
    }
  }

  async live(host: string): Promise<void> {
    const { bucket } = await this.#opened();
    await bucket.put(HOST + host, "");
  }

  async leave(host: string): Promise<void> {
    const { bucket } = await this.#opened();
    await bucket.delete(HOST + host);
  }

  async #opened(): Promise<{ readonly connection: NatsConnection; readonly bucket: KV }> {
    const connection = await this.#options.client.connected(AbortSignal.timeout(ANSWER_MS));
    if (this.#open?.connection === connection) return this.#open;
    const { bucket, replicas } = this.#options;
    const opened = await new Kvm(connection).create(bucket, { history: 1, replicas, maxValueSize: ROW_BYTES_MAX });
    this.#open = { connection, bucket: opened };
    return this.#open;
  }
}

/** Null: it is not the row of a partition. `value` null: it was deleted, as by an operator. */
function leaseOf(key: string, value: Uint8Array | null, revision: number): Lease | null {
  const partition = PARTITION.exec(key)?.[1];
  if (partition === undefined) return null;
  const read = Row.safeParse(value === null ? null : jsonIn(value));
  const { owner, epoch, beat } = read.success ? read.data : { owner: null, epoch: 0, beat: 0 };
  return { partition: Number(partition), owner, epoch, beat, revision };
}

function jsonIn(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString());
  } catch {
    return null;
  }
}
