// SPDX-License-Identifier: Apache-2.0
// Turns a capture into batches, the same that a live agent sends, so that policies judge both alike. Each
// returned event becomes a record with the process and the descriptor as they were when it happened. A call
// is one event, also where a capture has its entry.
import type { EventType } from "../../../build/generated/events.js";
import { BatchBuilder } from "../../wire/builder.js";
import type { ContainerFacts } from "../../wire/container.js";
import { EVENTS_BY_NAME } from "../../wire/known-names.js";
import { Batching } from "./batching.js";
import { BlockReader, type BlockTaker, type Piece, piecesAt, piecesOf } from "./block.js";
import { changeAfter, changeBefore, changesState, descriptorOf } from "./change.js";
import { containerIn } from "./container-event.js";
import { SCAP_EVENTS } from "./event-table.js";
import { GENERIC_OF_NATIVE } from "./generic-calls.js";
import { DESCRIPTOR_LISTS, PROCESS_LISTS, readDescriptors, readProcesses, readUsers, USER_LISTS } from "./lists.js";
import { codeAt, EVENT_BLOCKS, type Form, isMeant, RawEvent } from "./params.js";
import { State } from "./state.js";

/** A capture as batches. They can be read once. */
export interface Replay<Batches> {
  readonly batches: Batches;
  /**
   * Of events of other types, the batches then hold only that and when they happened, and in which thread:
   * for who reads nothing else of them. By names of events.yaml; to be called before batches are read.
   */
  tellOnly(events: ReadonlySet<string>): void;
  /** From now on a batch is good only until the next one is asked for: then its memory is used again. */
  lend(): void;
  /** Of the container that Vedette wrote the capture of, as far as it was read. */
  container(): ContainerFacts | null;
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
  function* batches(): Generator<Uint8Array> {
    for (const piece of pieces) {
      capture.take(piece);
      yield* capture.ready();
    }
    capture.end();
    yield* capture.ready();
  }
  return capture.replay(batches());
}

/** Of a file, which is read as its events are asked for. */
export function replayFile(path: string): Replay<AsyncIterable<Uint8Array>> {
  const capture = new Capture(path);
  const pieces = piecesAt(path, () => capture.room());
  async function* batches(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      capture.take(piece);
      yield* capture.ready();
    }
    capture.end();
    yield* capture.ready();
  }
  return capture.replay(batches());
}

class Capture {
  readonly #reader = new Reader();
  readonly #blocks: BlockReader;
  #isCut = false;

  constructor(path: string) {
    this.#blocks = new BlockReader(path, this.#reader);
  }

  room(): Buffer {
    return this.#blocks.room();
  }

  take(piece: Buffer): void {
    this.#blocks.take(piece);
  }

  end(): void {
    this.#isCut = this.#blocks.end();
    this.#reader.flush();
  }

  /** Batches that are whole, each once. */
  *ready(): Generator<Uint8Array> {
    for (const batch of this.#reader.ready.splice(0)) {
      yield batch;
      this.#reader.returned(batch);
    }
  }

  replay<Batches>(batches: Batches): Replay<Batches> {
    const tellOnly = (events: ReadonlySet<string>): void => this.#reader.tellOnly(events);
    const lend = (): void => this.#reader.lend();
    return { batches, tellOnly, lend, container: () => this.#reader.container, summary: () => this.summary() };
  }

  summary(): ReplaySummary {
    return { ...this.#reader.counts, isTruncated: this.#isCut || this.#reader.isDamaged };
  }
}

const SECTION_HEADER = 0x0a0d0d0a;
const MACHINE = 0x201;
const INTERFACES = new Set([0x205, 0x219]);
/** What most batches fit into. */
const SPARE_BYTES = 512 << 10;

/** By half the code: which event of ours a capture's event is. */
const TYPES: (EventType | undefined)[] = [];
for (const [code, { name }] of SCAP_EVENTS) TYPES[code >> 1] = EVENTS_BY_NAME.get(name);

class Reader implements BlockTaker {
  readonly ready: Uint8Array[] = [];
  readonly counts = { events: 0, skipped: 0, unknownBlocks: 0 };
  isDamaged = false;
  container: ContainerFacts | null = null;
  readonly #state = new State();
  // Calls that have not returned yet: the last one, which mostly returns next, and the others by thread.
  #entry: RawEvent | null = null;
  readonly #entries = new Map<number, RawEvent>();
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
  /** By kind of event: not 0 where nobody asks for what it says. */
  readonly #isBare = new Uint8Array(TYPES.length);
  /** And where such an event changes nothing either: nobody reads its parameters. */
  readonly #isBrief = new Uint8Array(TYPES.length);
  /** Memory of batches that nobody reads any more; null: whoever gets a batch keeps it. */
  #spare: Uint8Array[] | null = null;
  /** What #room made: other batches lie in memory that Node shares out. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  tellOnly(events: ReadonlySet<string>): void {
    for (const [kind, type] of TYPES.entries()) {
      this.#isBare[kind] = type && !events.has(type.name) ? 1 : 0;
      const isBrief = this.#isBare[kind] === 1 && !changesState(kind) && !SCAP_EVENTS.get(2 * kind)!.isEntryTold;
      this.#isBrief[kind] = isBrief ? 1 : 0;
    }
  }

  lend(): void {
    this.#spare ??= [];
  }

  returned(batch: Uint8Array): void {
    if (this.#lent.has(batch.buffer)) this.#spare?.push(new Uint8Array(batch.buffer));
  }

  onBlock(type: number, piece: Piece, start: number, end: number): void {
    if (type !== this.#type) {
      this.#type = type;
      this.#form = EVENT_BLOCKS.get(type);
    }
    const form = this.#form;
    try {
      if (form === undefined) {
        this.#list(type, piece.bytes.subarray(start, end));
        return;
      }
      const code = codeAt(piece, start, end, form);
      if (code < 0) this.isDamaged = true;
      else if (isMeant(code)) {
        const isBrief = this.#isBrief[code >> 1] === 1;
        const raw = this.#raw;
        if (!(isBrief ? raw.readHead(piece, start, end, form) : raw.read(piece, start, end, form)))
          this.isDamaged = true;
        else if (isBrief && raw.isEntry) this.#passEntry(raw);
        else this.#event(raw);
      } else if (form.wide && !form.flags) this.#large(piece.bytes, start, end);
      else this.counts.skipped++;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.isDamaged = true;
    }
  }

  onPieceEnd(): void {
    this.#entry?.keep();
    for (const entry of this.#entries.values()) entry.keep();
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

  #large(data: Buffer, start: number, end: number): void {
    const facts = containerIn(data, start, end);
    if (facts === null) this.counts.skipped++;
    else this.container = facts;
  }

  /** Whatever call its thread was in before, it is in another one now. */
  #passEntry({ tid }: RawEvent): void {
    const entry = this.#takeEntry(tid);
    if (entry !== null) this.#unused.push(entry);
    this.counts.skipped++;
  }

  #event(raw: RawEvent): void {
    if (this.#hasLists) {
      this.#state.shareDescriptors();
      this.#hasLists = false;
    }
    const entry = this.#takeEntry(raw.tid);
    if (raw.isEntry && !raw.event.isEntryTold) {
      if (this.#entry !== null) this.#entries.set(this.#entry.tid, this.#entry);
      this.#entry = raw;
      this.#raw = entry ?? this.#unused.pop() ?? new RawEvent();
      this.counts.skipped++;
      return;
    }
    if (entry !== null) {
      this.#unused.push(entry);
      if (!raw.isEntry && entry.event.name === raw.event.name) raw.entry = entry;
    }
    const type = raw.isGeneric ? genericType(raw) : TYPES[raw.kind];
    if (type === undefined) this.counts.skipped++;
    else this.#tell(type, raw);
  }

  /** Of the call that the thread is in. */
  #takeEntry(tid: number): RawEvent | null {
    const last = this.#entry;
    if (last !== null && last.tid === tid) {
      this.#entry = null;
      return last;
    }
    const entry = this.#entries.size === 0 ? undefined : this.#entries.get(tid);
    if (entry === undefined) return null;
    this.#entries.delete(tid);
    return entry;
  }

  #tell(type: EventType, raw: RawEvent): void {
    const thread = this.#state.thread(raw.tid);
    changeBefore(this.#state, thread, raw);
    const told = this.#state.thread(raw.tid);
    this.#batch ??= new Batching(this.#builder, this.#next, ++this.#seq, this.#state);
    if (this.#isBare[raw.kind] === 1) this.#batch.addBare(type, raw);
    else this.#batch.add(type, raw, told, descriptorOf(told, raw));
    this.counts.events++;
    changeAfter(this.#state, told, raw);
    if (this.#batch.isFull) this.flush();
  }

  flush(): void {
    if (this.#batch === undefined) return;
    this.ready.push(this.#batch.builder.bytes(this.#spare === null ? undefined : this.#room));
    this.#next += this.#batch.records;
    this.#batch = undefined;
  }

  readonly #room = (size: number): Uint8Array => {
    const spare = this.#spare?.pop();
    if (spare !== undefined && spare.length >= size) return spare;
    const made = new Uint8Array(Math.max(size, SPARE_BYTES));
    this.#lent.add(made.buffer);
    return made;
  };
}

/** Of an event that says no more than the number of its call. */
function genericType(raw: RawEvent): EventType | undefined {
  return EVENTS_BY_NAME.get(GENERIC_OF_NATIVE.get(Number(raw.uint("nativeID") ?? -1))?.name ?? "");
}
