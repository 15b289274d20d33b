// SPDX-License-Identifier: Apache-2.0
// A block of batches of one agent, as one message of the bus. It is a block of a recording, and its entries
// (host/recording/block.ts) say first who sends it, on which host and from which container, and then hold
// batches. Where records of a batch were left out by choice, an entry in front says which ones are there. So
// a reader knows each one's evt.num, and how many it does not see.
//
//   4 sender   JSON {v, tenant, task, source, version}      2 host      3 container
//   5 kept     u32 records that the agent sent | a bit for each of them, from bit 0 of byte 0: it is here
//   1 batch    its `first` is the agent's; its `count` is what is here
//
// A reader trusts nothing of it: sizes are bounded before memory is taken, and each batch is checked.
import * as z from "zod";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import {
  ENTRY_BYTES,
  entriesIn,
  HEAD_BYTES,
  KIND,
  packBlock,
  readBlockHead,
  unpackBlock,
  writeEntryHead,
} from "../recording/block.js";
import { containerFactsIn } from "../recording/recording.js";
import { BATCH_RECORDS_MAX, type Batch, openBatch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { EVENT_OF_NAME } from "../wire/layout.js";
import { typeOf } from "../wire/record.js";

/** Packed or not, a block has less: one batch of 1 MiB may stand behind others that have 512 KiB. */
export const MESSAGE_BYTES_MAX = 2 << 20;
/** Packed, as a sensor makes it: one batch of 1 MiB that nothing makes smaller, and what is said of it. */
export const BLOCK_BYTES_MAX = (1 << 20) + (64 << 10);
const FORM = 1;
const FACT = EVENT_OF_NAME.get("vedette.fact")?.id;
const NAME_MAX = 2048;

/**
 * Who sends a block. `source`: the agent's, hexadecimal. A server vouches for tenant and task by the subject.
 */
export interface Sender {
  readonly tenant: string;
  readonly task: string;
  readonly source: string;
  /** Of Vedette. */
  readonly version: string;
}

/** What was known of the container when the block was made. */
export interface Origin {
  readonly sender: Sender;
  readonly host: string;
  readonly container: ContainerFacts | null;
}

/** A batch to be sent. `kept`: keptEntry()'s; null: all its records are here. */
export interface SentBatch {
  readonly bytes: Uint8Array;
  readonly kept: Uint8Array | null;
}

/**
 * A batch as it came. `numbers`: evt.num of each record that is here; null: record i has `batch.first + i`.
 */
export interface ForwardedBatch {
  readonly batch: Batch;
  /** Records that the agent sent: `batch.count` of them are here. */
  readonly count: number;
  readonly numbers: readonly number[] | null;
}

/** A message, read. Batches come in the order of their `seq`. */
export interface ForwardedBlock extends Origin {
  readonly batches: readonly ForwardedBatch[];
}

const text = z.string().max(NAME_MAX);
const SenderForm = z.object({
  v: z.literal(FORM),
  tenant: text,
  task: text,
  source: z.string().regex(/^[0-9a-f]{32}$/),
  version: text,
});

/** The message with these batches. They are copied. */
export function encodeBlock({ sender, host, container }: Origin, batches: readonly SentBatch[]): Buffer {
  const entries: [kind: number, bytes: Uint8Array][] = [
    [KIND.sender, Buffer.from(JSON.stringify({ v: FORM, ...sender }))],
    [KIND.host, Buffer.from(host)],
  ];
  if (container !== null) entries.push([KIND.container, Buffer.from(JSON.stringify(container))]);
  for (const { bytes, kept } of batches) {
    if (kept !== null) entries.push([KIND.kept, kept]);
    entries.push([KIND.batch, bytes]);
  }
  const raw = Buffer.allocUnsafe(entries.reduce((sum, [, { length }]) => sum + ENTRY_BYTES + length, 0));
  let at = 0;
  for (const [kind, bytes] of entries) {
    writeEntryHead(raw, at, { kind, stream: 1 }, bytes.length);
    raw.set(bytes, at + ENTRY_BYTES);
    at += ENTRY_BYTES + bytes.length;
  }
  return packBlock(raw);
}

/** Which records of `count` are here, by index. */
export function keptEntry(count: number, kept: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(count / 8));
  bytes.writeUInt32LE(count, 0);
  for (const i of kept) bytes[4 + (i >> 3)] = (bytes[4 + (i >> 3)] as number) | (1 << (i & 7));
  return bytes;
}

/**
 * Reads what somebody published. Throws VEDETTE_BLOCK_CORRUPT, and VEDETTE_SCHEMA_MISMATCH for batches of
 * another version's events.
 */
export function decodeBlock(message: Uint8Array): ForwardedBlock {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  if (bytes.length < HEAD_BYTES) refuse("it is shorter than the head of a block");
  const head = readBlockHead(bytes, MESSAGE_BYTES_MAX);
  if (typeof head === "string") return refuse(head);
  if (bytes.length !== HEAD_BYTES + head.size) refuse("its size is another than its head says");
  const raw = unpackBlock(bytes.subarray(HEAD_BYTES), head);
  if (typeof raw === "string") return refuse(raw);
  let sender: Sender | null = null;
  let host = "";
  let container: ContainerFacts | null = null;
  let kept: Buffer | null = null;
  const batches: ForwardedBatch[] = [];
  for (const entry of entriesIn(raw)) {
    if (typeof entry === "string") return refuse(entry);
    if (entry.kind === KIND.sender) sender = senderIn(entry.bytes);
    else if (entry.kind === KIND.host) host = entry.bytes.toString().slice(0, NAME_MAX);
    else if (entry.kind === KIND.container) container = containerFactsIn(entry.bytes) ?? refuse("its container");
    else if (entry.kind === KIND.kept) kept = entry.bytes;
    else if (entry.kind === KIND.batch) {
      const { source } = sender ?? refuse("a batch comes before its sender");
      const last = batches.at(-1)?.batch.seq ?? 0;
      batches.push(batchIn(entry.bytes, kept, source, last));
      kept = null;
    }
  }
  if (sender === null) return refuse("it does not say who sends it");
  for (const { batch } of batches) batch.container = container;
  return { sender, host, container, batches };
}

function senderIn(bytes: Buffer): Sender {
  let json: unknown = null;
  try {
    json = JSON.parse(bytes.toString());
  } catch {
    // Said below.
  }
  const read = SenderForm.safeParse(json);
  if (!read.success) return refuse("what it says of its sender does not read");
  const { v: _, ...sender } = read.data;
  return sender;
}

function batchIn(bytes: Buffer, kept: Buffer | null, source: string, last: number): ForwardedBatch {
  let batch: Batch;
  try {
    batch = openBatch(bytes);
  } catch (error) {
    if (error instanceof VedetteError && error.code === "VEDETTE_SCHEMA_MISMATCH") throw error;
    return refuse(reasonOf(error), error);
  }
  if (Buffer.from(batch.source).toString("hex") !== source) refuse("a batch is of another source than its sender's");
  if (batch.offsets.some((at) => typeOf(batch, at) === FACT)) refuse("a batch holds a fact, which no agent tells");
  if (batch.seq <= last) refuse("its batches are not in their order");
  if (kept === null) return { batch, count: batch.count, numbers: null };
  const { count, indices } = keptIn(kept);
  if (indices.length !== batch.count) refuse("it says that other records are here than there are");
  return { batch, count, numbers: indices.map((i) => batch.first + i) };
}

function keptIn(kept: Buffer): { count: number; indices: number[] } {
  const count = kept.length < 4 ? refuse("what it says of records that are here is cut off") : kept.readUInt32LE(0);
  if (count > BATCH_RECORDS_MAX || kept.length !== 4 + Math.ceil(count / 8))
    refuse("what it says of records that are here has another size");
  const indices: number[] = [];
  for (let i = 0; i < 8 * (kept.length - 4); i++)
    if ((((kept[4 + (i >> 3)] as number) >> (i & 7)) & 1) === 1) indices.push(i);
  if ((indices.at(-1) ?? -1) >= count) refuse("it says that records are here which the batch never had");
  return { count, indices };
}

function refuse(reason: string, cause?: unknown): never {
  throw new VedetteError("VEDETTE_BLOCK_CORRUPT", { reason }, { cause });
}
