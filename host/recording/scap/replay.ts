// SPDX-License-Identifier: Apache-2.0
// Turns a capture into batches, the same that a live agent sends, so that policies judge both alike. Each
// returned event becomes a record with the process and the descriptor as they were when it happened. A call
// is one event, also where a capture has its entry.
import type { EventType } from "../../../build/generated/events.js";
import { BatchBuilder } from "../../wire/builder.js";
import { EVENTS_BY_NAME } from "../../wire/known-names.js";
import { Batching } from "./batching.js";
import { BlockReader, piecesAt, piecesOf } from "./block.js";
import { changeAfter, changeBefore, descriptorOf } from "./change.js";
import { DESCRIPTOR_LISTS, PROCESS_LISTS, readDescriptors, readProcesses, readUsers, USER_LISTS } from "./lists.js";
import { EVENT_BLOCKS, type Form, isMeant, RawEvent } from "./params.js";
import { State } from "./state.js";

/** A capture as batches. They can be read once. */
export interface Replay<Batches> {
  readonly batches: Batches;
  summary(): ReplaySummary; // complete when all batches were read
}

/** What became of a capture's events. */
export interface ReplaySummary {
  readonly events: number; // that became records
  readonly skipped: number; // events of no type of ours, and entries that their return tells again
  readonly unknownBlocks: number;
  readonly isTruncated: boolean;
}

/**
 * Throws VEDETTE_SCAP_UNREADABLE where the file is no capture. It goes on past blocks that it does not know.
 */
/** Of a capture in memory. */
export function replay(file: Buffer, path: string): Replay<Iterable<Uint8Array>> {
  const capture = new Capture(path);
  // Its beginning is refused now, not when somebody asks for events.
  const pieces = [...piecesOf(file, path)];
  capture.take(pieces.shift() ?? Buffer.alloc(0));
  function* batches(): Generator<Uint8Array> {
    yield* capture.ready();
    for (const piece of pieces) {
      capture.take(piece);
      yield* capture.ready();
    }
    capture.end();
    yield* capture.ready();
  }
  return { batches: batches(), summary: () => capture.summary() };
}

/** Of a file, which is read as its events are asked for. */
export function replayFile(path: string): Replay<AsyncIterable<Uint8Array>> {
  const capture = new Capture(path);
  const pieces = piecesAt(path);
  async function* batches(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      capture.take(piece);
      yield* capture.ready();
    }
    capture.end();
    yield* capture.ready();
  }
  return { batches: batches(), summary: () => capture.summary() };
}

class Capture {
  readonly #reader = new Reader();
  readonly #blocks: BlockReader;
  #ready: Uint8Array[] = [];
  #isCut = false;

  constructor(path: string) {
    this.#blocks = new BlockReader(path, (type, data, start, end) => {
      const batch = this.#reader.block(type, data, start, end);
      if (batch) this.#ready.push(batch);
    });
  }

  take(piece: Buffer): void {
    this.#blocks.take(piece);
  }

  end(): void {
    this.#isCut = this.#blocks.end();
    const last = this.#reader.flush();
    if (last) this.#ready.push(last);
  }

  /** Batches that are whole, each once. */
  ready(): Uint8Array[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  summary(): ReplaySummary {
    return { ...this.#reader.counts, isTruncated: this.#isCut || this.#reader.isDamaged };
  }
}

const SECTION_HEADER = 0x0a0d0d0a;
const MACHINE = 0x201;
const INTERFACES = new Set([0x205, 0x219]);

class Reader {
  readonly counts = { events: 0, skipped: 0, unknownBlocks: 0 };
  isDamaged = false;
  readonly #state = new State();
  readonly #entries = new Map<number, RawEvent>(); // by thread, until the call returns
  readonly #unused: RawEvent[] = [];
  #raw = new RawEvent();
  readonly #builder = new BatchBuilder();
  #batch: Batching | undefined;
  /** Of the last block: most are of one type. */
  #type = 0;
  #form: Form | undefined;
  #next = 1;
  #seq = 0;
  #hasLists = true;

  block(type: number, data: Buffer, start: number, end: number): Uint8Array | undefined {
    if (type !== this.#type) {
      this.#type = type;
      this.#form = EVENT_BLOCKS.get(type);
    }
    const form = this.#form;
    try {
      if (form === undefined) this.#list(type, data.subarray(start, end));
      else if (isMeant(data, start, end, form)) {
        if (this.#raw.read(data, start, end, form)) return this.#event(this.#raw);
        this.isDamaged = true;
      } else this.counts.skipped++;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.isDamaged = true;
    }
    return undefined;
  }

  #list(type: number, body: Buffer): void {
    const processes = PROCESS_LISTS.get(type);
    const descriptors = DESCRIPTOR_LISTS.get(type);
    const users = USER_LISTS.get(type);
    if (processes) for (const thread of readProcesses(body, processes)) this.#state.add(thread);
    else if (descriptors) {
      const list = readDescriptors(body, descriptors);
      const table = this.#state.thread(list.tid).descriptors;
      for (const [fd, descriptor] of list.descriptors) table.set(fd, descriptor);
    } else if (users) Object.assign(this.#state, readUsers(body, users));
    else if (type !== SECTION_HEADER && type !== MACHINE && !INTERFACES.has(type)) this.counts.unknownBlocks++;
  }

  #event(raw: RawEvent): Uint8Array | undefined {
    if (this.#hasLists) {
      this.#state.shareDescriptors();
      this.#hasLists = false;
    }
    const type = EVENTS_BY_NAME.get(raw.event.name);
    if (!type) {
      this.counts.skipped++;
      return undefined;
    }
    const entry = this.#entries.get(raw.tid);
    if (raw.isEntry && !raw.event.isEntryTold) {
      raw.keep();
      this.#entries.set(raw.tid, raw);
      this.#raw = entry ?? this.#unused.pop() ?? new RawEvent();
      this.counts.skipped++;
      return undefined;
    }
    if (entry === undefined) return this.#tell(type, raw);
    this.#entries.delete(raw.tid);
    this.#unused.push(entry);
    if (!raw.isEntry && entry.event.name === raw.event.name) raw.entry = entry;
    return this.#tell(type, raw);
  }

  #tell(type: EventType, raw: RawEvent): Uint8Array | undefined {
    const thread = this.#state.thread(raw.tid);
    changeBefore(this.#state, thread, raw);
    const told = this.#state.thread(raw.tid);
    this.#batch ??= new Batching(this.#builder, this.#next, ++this.#seq, this.#state);
    this.#batch.add(type, raw, told, descriptorOf(told, raw));
    this.counts.events++;
    changeAfter(this.#state, told, raw);
    return this.#batch.isFull ? this.flush() : undefined;
  }

  flush(): Uint8Array | undefined {
    const bytes = this.#batch?.builder.bytes();
    this.#next += this.#batch?.records ?? 0;
    this.#batch = undefined;
    return bytes;
  }
}
