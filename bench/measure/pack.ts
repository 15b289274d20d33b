// SPDX-License-Identifier: Apache-2.0
//
// Batches as they would be had only some types of event been recorded, as fast as a host can read them:
// without the records of others and what only those needed, and filled, as the agent fills them when events
// come fast.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { FrameSource } from "../../host/wasm/frame.js";
import type { Batch } from "../../host/wire/batch.js";
import {
  DESCRIPTOR_SPANS,
  EVENT_SPANS,
  NULL,
  PROCESS_PARENTS,
  PROCESS_SPANS,
  PROCESS_STREAMS,
} from "../../host/wire/layout.js";

const BYTES_MAX = 1 << 18;

export function packed(batches: readonly Batch[], types: ReadonlySet<number | undefined>): FrameSource[] {
  const packs = [new Pack()];
  for (const batch of batches) {
    const source = new Source(batch);
    for (const at of batch.offsets) {
      if (!types.has(batch.recordView.getUint16(at, true))) continue;
      if (packs.at(-1)!.bytes > BYTES_MAX) packs.push(new Pack());
      packs.at(-1)!.add(source, at);
    }
  }
  return packs.map((pack) => pack.frame());
}

/** A batch that records are taken from, and where its entries stand in the pack that is being filled. */
class Source {
  pack: Pack | null = null;
  readonly processes = new Map<number, number>();
  readonly descriptors = new Map<number, number>();

  constructor(readonly batch: Batch) {}

  enter(pack: Pack): void {
    if (this.pack === pack) return;
    this.pack = pack;
    this.processes.clear();
    this.descriptors.clear();
  }
}

/** Equal entries and texts stand in it once. */
class Pack {
  readonly #records: Buffer[] = [];
  readonly #processes = new Pool();
  readonly #descriptors = new Pool();
  readonly #texts = new Pool();
  #recordBytes = 0;

  get bytes(): number {
    return this.#recordBytes + this.#processes.bytes + this.#descriptors.bytes + this.#texts.bytes;
  }

  frame(): FrameSource {
    return {
      records: Buffer.concat(this.#records),
      processes: this.#processes.joined(),
      descriptors: this.#descriptors.joined(),
      strings: this.#texts.joined(),
      count: this.#records.length,
      first: 1,
      clock: 0n,
      source: new Uint8Array(16),
      lost: [],
    };
  }

  add(source: Source, at: number): void {
    source.enter(this);
    const { records, recordView } = source.batch;
    const bytes = Buffer.from(records.subarray(at, at + recordView.getUint32(at + 4, true)));
    bytes.writeUInt32LE(this.#process(source, bytes.readUInt32LE(20)), 20);
    bytes.writeUInt32LE(this.#descriptor(source, bytes.readUInt32LE(40)), 40);
    this.#records.push(this.#moved(source, bytes, EVENT_SPANS[bytes.readUInt16LE(0)] ?? []));
    this.#recordBytes += bytes.length;
  }

  #process(source: Source, index: number): number {
    return entry(source.processes, index, () => {
      const bytes = Buffer.from(source.batch.processes.subarray(index * PROCESS_SIZE, (index + 1) * PROCESS_SIZE));
      for (const slot of PROCESS_PARENTS) bytes.writeUInt32LE(this.#process(source, bytes.readUInt32LE(slot)), slot);
      for (const slot of PROCESS_STREAMS) bytes.writeUInt32LE(this.#descriptor(source, bytes.readUInt32LE(slot)), slot);
      return this.#processes.put(this.#moved(source, bytes, PROCESS_SPANS)) / PROCESS_SIZE;
    });
  }

  #descriptor(source: Source, index: number): number {
    return entry(source.descriptors, index, () => {
      const { descriptors } = source.batch;
      const bytes = Buffer.from(descriptors.subarray(index * DESCRIPTOR_SIZE, (index + 1) * DESCRIPTOR_SIZE));
      return this.#descriptors.put(this.#moved(source, bytes, DESCRIPTOR_SPANS)) / DESCRIPTOR_SIZE;
    });
  }

  #moved({ batch }: Source, bytes: Buffer, spans: readonly number[]): Buffer {
    for (const slot of spans) {
      const at = bytes.readUInt32LE(slot);
      if (at === NULL) continue;
      const text = batch.strings.subarray(at, at + bytes.readUInt32LE(slot + 4));
      bytes.writeUInt32LE(this.#texts.put(Buffer.from(text)), slot);
    }
    return bytes;
  }
}

/** Byte strings, each at the offset that it got when it was first put there. */
class Pool {
  readonly #at = new Map<string, number>();
  readonly #parts: Buffer[] = [];
  bytes = 0;

  put(part: Buffer): number {
    const key = part.toString("latin1");
    const known = this.#at.get(key);
    if (known !== undefined) return known;
    const at = this.bytes;
    this.#at.set(key, at);
    this.#parts.push(part);
    this.bytes += part.length;
    return at;
  }

  joined(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function entry(known: Map<number, number>, index: number, make: () => number): number {
  if (index === NULL) return NULL;
  const found = known.get(index) ?? make();
  known.set(index, found);
  return found;
}
