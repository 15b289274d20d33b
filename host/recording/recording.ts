// SPDX-License-Identifier: Apache-2.0
// Recordings: batches as they came, compressed, for judging them again. A recording is a row of blocks, each
// complete in itself. So everything that was written before a crash can be read, and an error names the byte
// at which the damage begins.
//
//   file    "VDREC001"  block  block ...  end block (size 0)      block.ts draws a block
//   kinds   1 a batch (docs/wire.md)   2 a stream's host, UTF-8   3 what the orchestrator says of its container, JSON
//           4 and 5 are the bus's (host/fleet/block.ts)
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type Batch, openBatch } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import {
  blockHead,
  ENTRY_BYTES,
  entriesIn,
  HEAD_BYTES,
  KIND,
  packBlock,
  readBlockHead,
  unpackBlock,
  writeEntryHead,
} from "./block.js";

const MAGIC = Buffer.from("VDREC001");
const BLOCK_BYTES = 256 << 10;
/** Most entries are smaller. */
const MOST_ENTRIES_BYTES = 64 << 10;

/** Writes a recording, readable by its owner alone (mode 0600). Throws VEDETTE_RECORDING_UNWRITABLE. */
export class RecordingWriter {
  readonly #path: string;
  readonly #fd: number;
  /** The entries of the block at hand, and how much of it they take. It is used again for the next. */
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES + MOST_ENTRIES_BYTES);
  #size = 0;
  #given = 0;
  batches = 0;
  events = 0;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, "w", 0o600); // it holds what programs read and wrote
    } catch (error) {
      throw this.#unwritable(error);
    }
    this.#write(MAGIC);
  }

  host(stream: number, hostname: string): void {
    this.#add(KIND.host, stream, Buffer.from(hostname));
  }

  container(stream: number, facts: ContainerFacts): void {
    this.#add(KIND.container, stream, Buffer.from(JSON.stringify(facts)));
  }

  /** `bytes` are copied. */
  batch(stream: number, bytes: Uint8Array, count: number): void {
    this.batches++;
    this.events += count;
    this.#add(KIND.batch, stream, bytes);
  }

  /** Bytes that were given to it, before they are compressed. */
  get given(): number {
    return this.#given;
  }

  /** Writes what is left, and the end. */
  close(): void {
    try {
      this.flush();
      this.#write(blockHead(0, 0, 0));
    } finally {
      closeSync(this.#fd);
    }
  }

  #add(kind: number, stream: number, bytes: Uint8Array): void {
    const at = this.#size;
    this.#size += ENTRY_BYTES + bytes.length;
    this.#given += ENTRY_BYTES + bytes.length;
    if (this.#size > this.#block.length) this.#block = grown(this.#block, at, this.#size);
    writeEntryHead(this.#block, at, { kind, stream }, bytes.length);
    this.#block.set(bytes, at + ENTRY_BYTES);
    if (this.#size >= BLOCK_BYTES) this.flush();
  }

  /** Writes what it has so far: a file that ends here is whole up to now. */
  flush(): void {
    if (this.#size === 0) return;
    this.#write(packBlock(this.#block.subarray(0, this.#size)));
    this.#size = 0;
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  #unwritable(error: unknown): VedetteError {
    return new VedetteError(
      "VEDETTE_RECORDING_UNWRITABLE",
      { path: this.#path, reason: reasonOf(error) },
      { cause: error },
    );
  }
}

/** A larger one, with the first `size` bytes of what was there. */
function grown(block: Buffer<ArrayBuffer>, size: number, least: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.max(least, 2 * block.length));
  larger.set(block.subarray(0, size));
  return larger;
}

/** One entry of a recording. `stream` is the number that its peer had when it was recorded. */
export type RecordedEntry =
  | { readonly kind: "batch"; readonly stream: number; readonly batch: Batch }
  | { readonly kind: "host"; readonly stream: number; readonly hostname: string }
  | { readonly kind: "container"; readonly stream: number; readonly facts: ContainerFacts };

/** Whether a file begins like a recording. */
export function isRecording(path: string): boolean {
  try {
    const fd = openSync(path, "r");
    try {
      return read(fd, 0, MAGIC.length).equals(MAGIC);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

/**
 * All that is whole, in order; then VEDETTE_RECORDING_CORRUPT with the offset, if it is cut off or damaged.
 */
export function* readRecording(path: string): Generator<RecordedEntry> {
  const fd = openRecording(path);
  try {
    yield* blocks(path, fstatSync(fd).size, (at, size) => read(fd, at, size));
  } finally {
    closeSync(fd);
  }
}

/** The same of a recording that is in memory. `path`: what messages call it. */
export function recordingIn(bytes: Uint8Array, path: string): Generator<RecordedEntry> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!all.subarray(0, MAGIC.length).equals(MAGIC))
    throw new VedetteError("VEDETTE_RECORDING_UNREADABLE", { path, reason: "it is none" });
  return blocks(path, all.length, (at, size) => all.subarray(at, at + size));
}

function* blocks(path: string, size: number, take: (at: number, size: number) => Buffer): Generator<RecordedEntry> {
  let at = MAGIC.length;
  for (;;) {
    const corrupt = (reason: string): VedetteError =>
      new VedetteError("VEDETTE_RECORDING_CORRUPT", { path, offset: at, reason });
    if (at + HEAD_BYTES > size) throw corrupt("it ends without its end");
    const head = readBlockHead(take(at, HEAD_BYTES));
    if (typeof head === "string") throw corrupt(head);
    if (head.size === 0 && head.raw === 0 && head.crc === 0) return;
    if (at + HEAD_BYTES + head.size > size) throw corrupt("it ends in the middle of a block");
    const raw = unpackBlock(take(at + HEAD_BYTES, head.size), head);
    if (typeof raw === "string") throw corrupt(raw);
    yield* entriesOf(raw, path, corrupt);
    at += HEAD_BYTES + head.size;
  }
}

function openRecording(path: string): number {
  try {
    const fd = openSync(path, "r");
    if (read(fd, 0, MAGIC.length).equals(MAGIC)) return fd;
    closeSync(fd);
  } catch (error) {
    throw new VedetteError("VEDETTE_RECORDING_UNREADABLE", { path, reason: reasonOf(error) }, { cause: error });
  }
  throw new VedetteError("VEDETTE_RECORDING_UNREADABLE", { path, reason: "it is none" });
}

function* entriesOf(raw: Buffer, path: string, corrupt: (reason: string) => VedetteError): Generator<RecordedEntry> {
  for (const entry of entriesIn(raw)) {
    if (typeof entry === "string") throw corrupt(entry);
    const { kind, stream, bytes } = entry;
    if (kind === KIND.batch) yield { kind: "batch", stream, batch: batchIn(bytes, path) };
    else if (kind === KIND.host) yield { kind: "host", stream, hostname: bytes.toString() };
    else if (kind === KIND.container) {
      const facts = containerFactsIn(bytes);
      if (facts === null) throw corrupt("what it says of a container does not read");
      yield { kind: "container", stream, facts };
    }
  }
}

/** Of an entry's JSON. Null: it is not what an orchestrator says of a container. */
export function containerFactsIn(bytes: Buffer): ContainerFacts | null {
  try {
    const facts = JSON.parse(bytes.toString()) as Record<string, unknown>;
    const { id, labels = null, ...others } = facts;
    const isText = (value: unknown): boolean => value === null || typeof value === "string";
    const hasLabels = typeof labels === "object" && !Array.isArray(labels) && Object.values(labels ?? {}).every(isText);
    const isWhole = typeof id === "string" && hasLabels && Object.values(others).every(isText);
    return isWhole ? (facts as unknown as ContainerFacts) : null;
  } catch {
    return null;
  }
}

/** A batch of another version's events is whole, and can be judged by a host of that version alone. */
function batchIn(bytes: Uint8Array, path: string): Batch {
  try {
    return openBatch(bytes);
  } catch (error) {
    if (!(error instanceof VedetteError && error.code === "VEDETTE_SCHEMA_MISMATCH")) throw error;
    const reason =
      "another version of Vedette recorded it, whose events have another schema; replay it with that version";
    throw new VedetteError("VEDETTE_RECORDING_UNREADABLE", { path, reason }, { cause: error });
  }
}

function read(fd: number, at: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let got = 0;
  while (got < size) {
    const count = readSync(fd, bytes, got, size - got, at + got);
    if (count === 0) break;
    got += count;
  }
  return bytes.subarray(0, got);
}
