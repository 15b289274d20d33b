// SPDX-License-Identifier: Apache-2.0
// Snapshots in a bucket of NATS' key-value store: `p.7` is the row of partition 7, `s.7.EPOCH.0.PART` a part
// of an object. A message of a stream is bounded, and an object may be longer than that, so it has parts. An
// epoch has two objects and writes them in turn: a name that is used again leaves no mark of its removal, as
// a new one each few seconds would.
import * as z from "zod";
import type { NatsClient } from "../output/nats-client.js";
import { JetStreamApiError, type KV, Kvm, type NatsConnection } from "../output/nats-library.js";
import type { KnownRow, SnapshotRow, Snapshots } from "./snapshots.js";

/** The bucket, and how many servers keep it. */
export interface KvSnapshotsOptions {
  readonly client: NatsClient;
  /** Made where it is not there. */
  readonly bucket: string;
  /** Of a bucket that is made: 1, 3 or 5. */
  readonly replicas: number;
}

/** JSStreamWrongLastSequenceErrF of nats-server's server/errors.json. */
const WRONG_LAST = 10071;
const PART_BYTES = 512 << 10;
const ANSWER_MS = 5_000;
const OBJECT = /^s\.(\d+)\.(\d+)\.[01]\.\d+$/;
const whole = z.int().min(0);
const Row = z.strictObject({
  epoch: whole,
  seq: whole,
  object: z.strictObject({ name: z.string().regex(/^s\.\d+\.\d+\.[01]:\d+$/), sha256: z.string() }).nullable(),
  tries: whole,
  trying: z.strictObject({ seq: whole, count: whole }).nullable(),
});

/** Snapshots in a bucket of JetStream. */
export class KvSnapshots implements Snapshots {
  readonly #options: KvSnapshotsOptions;
  /** The bucket, and the connection that it is asked over. */
  #open: { readonly connection: NatsConnection; readonly bucket: KV } | null = null;

  constructor(options: KvSnapshotsOptions) {
    this.#options = options;
  }

  async row(partition: number): Promise<KnownRow | { readonly row: null; readonly revision: number }> {
    const entry = await (await this.#bucket()).get(`p.${partition}`);
    if (entry === null) return { row: null, revision: 0 };
    const read = Row.safeParse(entry.operation === "PUT" ? jsonIn(entry.value) : null);
    return { row: read.success ? read.data : null, revision: entry.revision };
  }

  async write(partition: number, row: SnapshotRow, revision: number): Promise<number | null> {
    const bucket = await this.#bucket();
    const key = `p.${partition}`;
    const text = JSON.stringify(row);
    try {
      return revision === 0 ? await bucket.create(key, text) : await bucket.update(key, text, revision, ANSWER_MS);
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST) return null;
      throw error;
    }
  }

  async put(partition: number, epoch: number, which: 0 | 1, bytes: Uint8Array): Promise<string> {
    const bucket = await this.#bucket();
    const stem = `s.${partition}.${epoch}.${which}`;
    const parts = Math.max(1, Math.ceil(bytes.length / PART_BYTES));
    for (let i = 0; i < parts; i++)
      await bucket.put(`${stem}.${i}`, bytes.subarray(i * PART_BYTES, (i + 1) * PART_BYTES));
    return `${stem}:${parts}`;
  }

  async get(name: string): Promise<Buffer | null> {
    const bucket = await this.#bucket();
    const [stem = "", count] = name.split(":");
    const parts: Uint8Array[] = [];
    for (let i = 0; i < Number(count); i++) {
      const entry = await bucket.get(`${stem}.${i}`);
      if (entry === null || entry.operation !== "PUT") return null;
      parts.push(entry.value);
    }
    return Buffer.concat(parts);
  }

  async sweep(partition: number, epoch: number): Promise<void> {
    const bucket = await this.#bucket();
    for await (const key of await bucket.keys(`s.${partition}.>`))
      if (Number(OBJECT.exec(key)?.[2] ?? epoch) < epoch) await bucket.purge(key);
  }

  async #bucket(): Promise<KV> {
    const connection = await this.#options.client.connected(AbortSignal.timeout(ANSWER_MS));
    if (this.#open?.connection !== connection) {
      const { bucket: name, replicas } = this.#options;
      const bucket = await new Kvm(connection).create(name, { history: 1, replicas });
      this.#open = { connection, bucket };
    }
    return this.#open.bucket;
  }
}

function jsonIn(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString());
  } catch {
    return null;
  }
}
