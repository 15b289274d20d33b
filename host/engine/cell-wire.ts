// SPDX-License-Identifier: Apache-2.0
// Carries messages between the host and a process in the jail: a tenant's own, or the one that tries
// policies. Each frame has its size in front, on one socket. Node's own channel would not do: it takes
// messages of any length, and a message that it cannot read ends the process. The host reads the process's
// words as any peer's: bounded, and only in the documented form. The process may trust the host's.
import type { Socket } from "node:net";
import { deserialize, serialize } from "node:v8";
import { Packr, Unpackr } from "msgpackr";
import * as z from "zod";
import { SERIES_OF_POLICY_MAX } from "../metric/totals.js";
import { EXPONENTIAL, INSTRUMENTS_MAX } from "../wasm/instruments.js";
import { LABEL_MAX } from "../wasm/metrics-region.js";
import { SaidFinding, Whole } from "./cell-finding.js";
import type { FromCell } from "./cell-messages.js";
import { DEDUP_MAX } from "./grouped.js";

/** The longest that a cell may say: the seats of a thousand policies. */
const SAID_MAX = 1 << 20;
/** The longest that the host says: a module, and a batch. */
const TOLD_MAX = 16 << 20;
/** Measurements that a cell may say at once: what the largest take is far below SAID_MAX. */
export const MEASUREMENTS_MAX = 100;
/** What a bucket of a region holds: a u32. */
const BUCKET_MAX = 0xffffffff;
/** What may wait for a cell that does not read. */
const WAITING_MAX = 64 << 20;
const HEAD = 4;

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "bigint" });

/** A string of at most `most` characters. */
export const text = (most: number) => z.string().max(most);
/** ns since the epoch, as a record has them. */
export const Instant = z
  .bigint()
  .min(0n)
  .max(2n ** 64n - 1n);
const count = z.number().int().nonnegative();
/** What a field of an alert may hold: lists have at most 4,096 elements, texts 65,536 characters. */
export const Value: z.ZodType = z.lazy(() =>
  z.union([text(65_536), z.number(), Whole, z.boolean(), z.null(), z.array(Value).max(4096)]),
);
const Measurement = z.strictObject({
  instrument: count.max(INSTRUMENTS_MAX),
  labels: z.array(text(LABEL_MAX)).max(8).nullable(),
  value: z.number(),
  buckets: z.array(count.max(BUCKET_MAX)).max(EXPONENTIAL.buckets + 1),
});
/** What was measured in one take or a part of it, or all that a trial adds up. */
export const SaidMeasured = z.strictObject({
  measurements: z.array(Measurement).max(SERIES_OF_POLICY_MAX + INSTRUMENTS_MAX),
  refused: count,
});
const Said = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ready") }),
  z.strictObject({ kind: z.literal("ended") }),
  z.strictObject({ kind: z.literal("swapped"), number: count, fault: text(8192).nullable() }),
  z.strictObject({
    kind: z.literal("alert"),
    policy: text(256),
    rule: text(512),
    time: Instant,
    output: text(65_536),
    outputFields: z.array(z.tuple([text(256), Value])).max(256),
    finding: SaidFinding.optional(),
    dedup: text(DEDUP_MAX).nullable().optional(),
    stream: z.number().int(),
  }),
  z.strictObject({
    kind: z.literal("suppressed"),
    policy: text(256),
    rule: text(512),
    time: Instant,
    container: text(512),
    count,
  }),
  z.strictObject({
    kind: z.literal("fault"),
    number: z.number().int(),
    code: text(64),
    message: text(8192),
    hint: text(4096),
  }),
  z.strictObject({
    kind: z.literal("measured"),
    number: count,
    measured: SaidMeasured.extend({ measurements: z.array(Measurement).max(MEASUREMENTS_MAX) }),
  }),
  z.strictObject({ kind: z.literal("unmeasured"), number: count }),
  z.strictObject({ kind: z.literal("log"), policy: text(256), level: count, text: text(8192) }),
  z.strictObject({
    kind: z.literal("judged"),
    batches: count,
    seats: z
      .array(
        z.strictObject({
          number: z.number().int(),
          state: z.enum(["judging", "slow", "resting"]),
          tally: z.strictObject({
            events: count,
            batches: count,
            alerts: count,
            suppressed: count,
            ns: count,
            memoryBytes: count,
            traps: count,
            denied: count,
            monitored: count,
          }),
          lastError: text(8192).nullable(),
        }),
      )
      .max(1000),
  }),
]);

/** What a cell said; throws where it is none of what a cell says. */
export const readSaid = (bytes: Uint8Array): FromCell => readAs(Said, bytes) as FromCell;

/** What was said in the form of `schema`; throws where it has another. */
export const readAs = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T => schema.parse(unpackr.unpack(bytes));

/** The end of the process in the jail. */
export class CellEnd<To, From> {
  readonly #socket: Socket;

  constructor(socket: Socket, onMessage: (message: To) => void) {
    this.#socket = socket;
    const frames = new Frames(TOLD_MAX);
    socket.on("data", (bytes: Buffer) => {
      for (const frame of frames.take(bytes)) onMessage(deserialize(frame) as To);
    });
  }

  say(message: From): void {
    this.#socket.write(framed(packr.pack(message)));
  }
}

/** The host's side of the socket. No method of it may wait. */
export interface HostEndOptions<From> {
  /** Throws at what is none of the process's words. */
  readonly read: (bytes: Uint8Array) => From;
  readonly onMessage: (message: From) => void;
  /** Called once, at the first thing that does not read; nothing is read after it. */
  readonly onNonsense: (reason: string) => void;
}

/** The host's end. */
export class HostEnd<To, From> {
  readonly #socket: Socket;

  constructor(socket: Socket, { read, onMessage, onNonsense }: HostEndOptions<From>) {
    this.#socket = socket;
    const frames = new Frames(SAID_MAX);
    const onData = (bytes: Buffer): void => {
      try {
        for (const frame of frames.take(bytes)) onMessage(read(frame));
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        socket.off("data", onData);
        socket.destroy();
        onNonsense(error instanceof z.ZodError ? "it said what no cell says" : error.message);
      }
    };
    socket.on("data", onData);
    socket.on("error", () => undefined); // its end is told by the process's
  }

  get isFull(): boolean {
    return this.#socket.writableLength > WAITING_MAX;
  }

  tell(message: To): void {
    if (this.#socket.writable) this.#socket.write(framed(serialize(message)));
  }
}

function framed(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD + bytes.length);
  frame.writeUInt32LE(bytes.length);
  frame.set(bytes, HEAD);
  return frame;
}

/** Whole frames, out of what comes in pieces. */
class Frames {
  #pieces: Buffer[] = [];
  #size = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  *take(bytes: Buffer): Generator<Buffer> {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    while (this.#size >= HEAD) {
      const size = this.#head();
      if (size > this.#most) throw new Error(`it said ${size} bytes at once`);
      if (this.#size < HEAD + size) return;
      const whole = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
      this.#pieces = [whole.subarray(HEAD + size)];
      this.#size -= HEAD + size;
      yield whole.subarray(HEAD, HEAD + size);
    }
  }

  #head(): number {
    const [first] = this.#pieces as [Buffer];
    if (first.length < HEAD) this.#pieces = [Buffer.concat(this.#pieces)];
    return (this.#pieces[0] as Buffer).readUInt32LE(0);
  }
}
