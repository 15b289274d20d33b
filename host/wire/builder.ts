// SPDX-License-Identifier: Apache-2.0
// Makes batches by hand, for tests.yaml of policies and for our own tests: processes, descriptors and records
// are given by the names of events.yaml, what is left out has no value. `bytes()` is a frame as the agent
// sends it (without the size in front).
//
//   const b = new BatchBuilder();
//   const sh = b.process({ pid: 7, name: "sh", args: ["-c", "id"] });
//   b.record("openat", { process: sh, result: -2, params: { dirfd: -100, name: "/etc/shadow", flags: 0 } });
//   openBatch(b.bytes());
import {
  DESCRIPTOR_FIELDS,
  DESCRIPTOR_SIZE,
  type Field,
  HEADER_SIZE,
  LOST,
  PROCESS_FIELDS,
  PROCESS_SIZE,
} from "../../build/generated/events.js";
import { encodeBatch } from "./encode.js";
import { EVENT_OF_NAME, isSpan, NULL } from "./layout.js";

/** Integers, text, bytes, or a list of texts (a strlist). */
export type SlotValue = number | bigint | boolean | string | Uint8Array | readonly string[] | null | undefined;
/** Values by the names of events.yaml. The builder throws an Error at a name that the table does not have. */
export type Slots = Readonly<Record<string, SlotValue>>;

/**
 * What stands in a record's header and slots. `process` and `descriptor` are indices that BatchBuilder gave
 * out; `time` and `latency` are nanoseconds; what is left out has a fixed value, so that two runs make the
 * same bytes.
 */
export interface RecordOptions {
  readonly process?: number;
  readonly descriptor?: number;
  readonly flags?: number;
  readonly time?: bigint;
  readonly tid?: number;
  readonly result?: number | bigint;
  readonly latency?: number;
  readonly fd?: number;
  readonly params?: Slots;
}

/**
 * The envelope of the batch. `clock` is in nanoseconds since the epoch, `first` is the evt.num of record 0,
 * and another `schema` makes a batch that every reader refuses.
 */
export interface BatchOptions {
  readonly source?: Uint8Array;
  readonly seq?: number;
  readonly clock?: bigint;
  readonly first?: number;
  readonly lost?: readonly number[];
  readonly schema?: bigint;
}

const ABSENT = -(2n ** 63n);

/** Collects processes, descriptors and records, and writes them as one frame. Equal texts are stored once. */
export class BatchBuilder {
  readonly #options: BatchOptions;
  readonly #processes: Uint8Array[] = [];
  readonly #descriptors: Uint8Array[] = [];
  readonly #records: Uint8Array[] = [];
  readonly #strings: Uint8Array[] = [];
  readonly #interned = new Map<string, number>();
  #stringBytes = 0;

  constructor(options: BatchOptions = {}) {
    this.#options = options;
  }

  /** Adds a process; gives its index. */
  process(slots: Slots): number {
    return this.#processes.push(this.#entry(PROCESS_FIELDS, PROCESS_SIZE, 0, slots)) - 1;
  }

  /** Adds a descriptor; `type` may be its letter. */
  descriptor(slots: Slots): number {
    const { type } = slots;
    const numbers = typeof type === "string" ? { ...slots, type: type.charCodeAt(0) } : slots;
    return this.#descriptors.push(this.#entry(DESCRIPTOR_FIELDS, DESCRIPTOR_SIZE, 0, numbers)) - 1;
  }

  record(event: string, options: RecordOptions = {}): this {
    const type = EVENT_OF_NAME.get(event);
    if (type === undefined) throw new Error(`no event ${event} in events.yaml`);
    const size = HEADER_SIZE + 8 * type.slots;
    const bytes = this.#entry(type.params, size, HEADER_SIZE, options.params ?? {});
    const view = new DataView(bytes.buffer);
    view.setUint16(0, type.id, true);
    view.setUint16(2, options.flags ?? 0, true);
    view.setUint32(4, size, true);
    view.setBigUint64(8, options.time ?? 1_700_000_000_000_000_000n, true);
    view.setUint32(16, options.tid ?? 1, true);
    view.setUint32(20, options.process ?? NULL, true);
    view.setBigInt64(24, BigInt(options.result ?? 0), true);
    view.setUint32(32, options.latency ?? 0, true);
    view.setInt32(36, options.fd ?? -1, true);
    view.setUint32(40, options.descriptor ?? NULL, true);
    this.#records.push(bytes);
    return this;
  }

  bytes(): Uint8Array {
    const {
      source = new Uint8Array(16).fill(0xab),
      seq = 1,
      clock = 1_700_000_000_000_000_000n,
      first = 1,
    } = this.#options;
    const { schema, lost = LOST.map(() => 0) } = this.#options;
    return encodeBatch({
      source,
      seq,
      clock,
      first,
      count: this.#records.length,
      lost,
      processes: Buffer.concat(this.#processes),
      descriptors: Buffer.concat(this.#descriptors),
      strings: Buffer.concat(this.#strings),
      records: Buffer.concat(this.#records),
      ...(schema === undefined ? {} : { schema }),
    });
  }

  #entry(fields: readonly Field[], size: number, base: number, slots: Slots): Uint8Array<ArrayBuffer> {
    const known = new Set(fields.filter((field) => field.slot >= 0).map((field) => field.name));
    for (const name of Object.keys(slots))
      if (!known.has(name)) throw new Error(`no slot named ${name}; there are ${[...known].join(" ")}`);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    for (const field of fields) {
      if (field.slot < 0) continue;
      const at = base + 8 * field.slot;
      const value = slots[field.name];
      if (isSpan(field)) this.#span(view, at, value);
      else
        view.setBigInt64(
          at,
          value === undefined || value === null ? ABSENT : BigInt.asIntN(64, BigInt(value as number)),
          true,
        );
    }
    return bytes;
  }

  #span(view: DataView, at: number, value: SlotValue): void {
    if (value === undefined || value === null) {
      view.setUint32(at, NULL, true);
      return;
    }
    const bytes =
      value instanceof Uint8Array
        ? value
        : Buffer.from(Array.isArray(value) ? value.map((text) => `${text}\0`).join("") : String(value));
    view.setUint32(at, this.#intern(bytes), true);
    view.setUint32(at + 4, bytes.length, true);
  }

  #intern(bytes: Uint8Array): number {
    const key = Buffer.from(bytes).toString("latin1");
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const at = this.#stringBytes;
    this.#interned.set(key, at);
    this.#strings.push(bytes);
    this.#stringBytes += bytes.length;
    return at;
  }
}
