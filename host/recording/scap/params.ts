// SPDX-License-Identifier: Apache-2.0
// The parameters of a captured event: cut out of its block, and converted to what our records hold.
import { type Piece, pieceOf } from "./block.js";
import { GENERIC_CODE, SCAP_EVENTS, type ScapEvent } from "./event-table.js";

/**
 * Types of event blocks: whether a word of flags stands before the header, whether the count of parameters is
 * written, and how wide a parameter's size is.
 */
export const EVENT_BLOCKS = new Map([
  [0x204, { flags: false, counted: false, wide: false }],
  [0x8000abd1, { flags: false, counted: false, wide: false }],
  [0x208, { flags: true, counted: false, wide: false }],
  [0x216, { flags: false, counted: true, wide: false }],
  [0x217, { flags: true, counted: true, wide: false }],
  [0x221, { flags: false, counted: true, wide: true }],
  [0x222, { flags: true, counted: true, wide: true }],
]);
/** How an event's block is laid out. */
export type Form = typeof EVENT_BLOCKS extends Map<number, infer T> ? T : never;

const HEADER_BYTES = 22;

/** An event's code; negative: its block is too short to say. */
export function codeAt({ view }: Piece, start: number, end: number, form: Form): number {
  const at = start + 2 + (form.flags ? 4 : 0) + 20;
  return at + 2 > end ? -1 : view.getUint16(at, true);
}

/** Whether an event is worth reading: it has a type here. */
export function isMeant(code: number): boolean {
  return MEANT[code] === 1;
}

// By code. A call's entry is read for what its return does not hold.
const MEANT = new Uint8Array(1 << 16);
for (const [code, { entry, isEntryTold }] of SCAP_EVENTS) {
  if (entry.length > 0 || isEntryTold) MEANT[code] = 1;
  MEANT[code + 1] = 1;
}
const BY_CODE: ScapEvent[] = [];
for (const [code, event] of SCAP_EVENTS) BY_CODE[code >> 1] = event;
const NOTHING = pieceOf(Buffer.alloc(0));
const PARAMS_MAX = Math.max(...[...SCAP_EVENTS.values()].flatMap(({ entry, exit }) => [entry.length, exit.length]));

/**
 * One event, read where it stands in the capture. One object reads event after event: nothing is made for an
 * event that nobody keeps. A parameter is asked for by its name in the event table; one that a call's return
 * does not have is its entry's.
 */
export class RawEvent {
  tid = 0;
  /** Half the code of the call's entry, which has the same event. */
  kind = 0;
  event!: ScapEvent;
  isEntry = false;
  /** Of the same call; null: not seen, or it was another call's. */
  entry: RawEvent | null = null;
  #piece: Piece = NOTHING;
  #own: Piece = NOTHING;
  #head = 0;
  #sizes = 0; // where they begin; #end: where the event ends
  #end = 0;
  #count = 0; // of parameters with a name
  readonly #ends = new Int32Array(PARAMS_MAX + 1); // of the one before, in `data`

  /** False when the block is too short for what it says. The event's code is one of isMeant(). */
  read(piece: Piece, start: number, end: number, form: Form): boolean {
    return this.readHead(piece, start, end, form) && this.#readSizes(form);
  }

  /**
   * As read(), and no parameters are there: for an event that is only counted. Whether their sizes fit into
   * the block is not looked at.
   */
  readHead(piece: Piece, start: number, end: number, form: Form): boolean {
    const { view } = piece;
    const head = start + 2 + (form.flags ? 4 : 0);
    const size = form.counted ? HEADER_BYTES + 4 : HEADER_BYTES;
    if (head + size > end) return false;
    const length = view.getUint32(head + 16, true);
    if (length < size || head + length > end) return false;
    const code = view.getUint16(head + 20, true);
    this.#piece = piece;
    this.#head = head;
    const high = view.getInt32(head + 12, true);
    const low = view.getUint32(head + 8, true);
    this.tid = high === 0 ? low : low + high * 2 ** 32; // a small number is the quicker key
    this.kind = code >> 1;
    this.event = BY_CODE[this.kind]!;
    this.isEntry = (code & 1) === 0;
    this.entry = null;
    this.#count = 0;
    this.#sizes = head + size;
    this.#end = head + length;
    return true;
  }

  /** Keeps the event after what it was read from is written over. */
  keep(): void {
    if (this.#piece === this.#own) return;
    const [begin, end] = [this.#head, this.#ends[this.#count]!];
    if (this.#own.bytes.length < end - begin) this.#own = pieceOf(Buffer.alloc(2 * (end - begin)));
    this.#piece.bytes.copy(this.#own.bytes, 0, begin, end);
    this.#piece = this.#own;
    this.#head = 0;
    for (let i = 0; i <= this.#count; i++) this.#ends[i]! -= begin;
  }

  /** Whether it says no more than which call it was. */
  get isGeneric(): boolean {
    return this.kind === GENERIC_CODE >> 1;
  }

  /** Nanoseconds since the epoch. */
  get time(): bigint {
    return this.#piece.view.getBigUint64(this.#head, true);
  }

  /** The lower half of the time. */
  get timeLow(): number {
    return this.#piece.view.getInt32(this.#head, true);
  }

  get timeHigh(): number {
    return this.#piece.view.getInt32(this.#head + 4, true);
  }

  /** Bytes of all parameters, those of the entry too. */
  get size(): number {
    const size = this.#ends[this.#count]! - this.#ends[0]!;
    return this.entry === null ? size : size + this.entry.size;
  }

  has(name: string): boolean {
    return this.#place(name) >= 0 || this.entry?.has(name) === true;
  }

  /** Says where the parameter lies: fills in `where`. False: there is none. */
  find(name: string, where: Where): boolean {
    return this.findAt(this.#place(name), where) || (this.entry?.find(name, where) ?? false);
  }

  /** As find(), of this event alone, and by the parameter's place in the event table; negative: none. */
  findAt(place: number, where: Where): boolean {
    if (place < 0 || place >= this.#count) return false;
    where.data = this.#piece.bytes;
    where.start = this.#ends[place]!;
    where.end = this.#ends[place + 1]!;
    return true;
  }

  bytes(name: string): Buffer | undefined {
    return this.find(name, HERE) ? HERE.data.subarray(HERE.start, HERE.end) : undefined;
  }

  /** A signed integer of 1, 2, 4 or 8 bytes; null for any other length. */
  int(name: string): number | null {
    if (!this.find(name, HERE)) return null;
    const { data, start, end } = HERE;
    switch (end - start) {
      case 1:
        return data.readInt8(start);
      case 2:
        return data.readInt16LE(start);
      case 4:
        return data.readInt32LE(start);
      case 8:
        return data.readUInt32LE(start) + data.readInt32LE(start + 4) * 2 ** 32;
      default:
        return null;
    }
  }

  /** As int(), unsigned. */
  uint(name: string): number | null {
    const value = this.int(name);
    return value === null || value >= 0 ? value : value + 2 ** (8 * (HERE.end - HERE.start));
  }

  /** As uint(), of 64 bits. */
  bigUint(name: string): bigint | null {
    return uintOf(this.bytes(name));
  }

  text(name: string): string | null {
    if (!this.find(name, HERE)) return null;
    const end = endOfText(HERE);
    return end < 0 ? null : HERE.data.toString("utf8", HERE.start, end);
  }

  get #names(): readonly string[] {
    return this.isEntry ? this.event.entry : this.event.exit;
  }

  /** Negative: it has none of this name. */
  #place(name: string): number {
    const place = (this.isEntry ? this.event.entryPlaces : this.event.exitPlaces).get(name);
    return place === undefined || place >= this.#count ? -1 : place;
  }

  #readSizes(form: Form): boolean {
    const { view } = this.#piece;
    const [start, end] = [this.#sizes, this.#end];
    const width = form.wide ? 4 : 2;
    const count = form.counted ? view.getUint32(start - 4, true) : countParams(view, start, end);
    if (count === undefined || count * width > end - start) return false;
    const named = Math.min(count, this.#names.length);
    let at = start + count * width;
    this.#ends[0] = at;
    for (let i = 0; i < count; i++) {
      at += form.wide ? view.getUint32(start + i * 4, true) : view.getUint16(start + i * 2, true);
      if (at > end) return false;
      if (i < named) this.#ends[i + 1] = at;
    }
    this.#count = named;
    return true;
  }
}

/** Where a parameter lies. */
export interface Where {
  data: Buffer;
  start: number;
  end: number;
}

/** A place that says nothing yet. */
export const nowhere = (): Where => ({ data: Buffer.alloc(0), start: 0, end: 0 });
const HERE = nowhere();

// The first form of events does not say how many parameters there are. But sizes and parameters fill the
// event, and each further parameter makes it longer: at most one count fits.
function countParams(view: DataView, start: number, end: number): number | undefined {
  const length = end - start;
  let total = 0;
  for (let count = 0; total <= length; count++) {
    if (total === length) return count;
    if ((count + 1) * 2 > length) return undefined;
    total += 2 + view.getUint16(start + count * 2, true);
  }
  return undefined;
}

function uintOf(bytes: Buffer | undefined): bigint | null {
  switch (bytes?.length) {
    case 1:
      return BigInt(bytes.readUInt8());
    case 2:
      return BigInt(bytes.readUInt16LE());
    case 4:
      return BigInt(bytes.readUInt32LE());
    case 8:
      return bytes.readBigUInt64LE();
    default:
      return null;
  }
}

/** A text ends at its NUL; "(NULL)" and <NA> are what Falco writes for a pointer to nothing. */
export function textOf(bytes: Buffer | undefined): string | null {
  if (!bytes || bytes.length === 0) return null;
  const end = bytes.indexOf(0);
  const text = bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  return text === "(NULL)" || text === "<NA>" ? null : text;
}

/** Where textOf() ends; negative: it is null. */
export function endOfText({ data, start, end }: Where): number {
  if (start === end) return -1;
  let at = start;
  while (at < end && data[at] !== 0) at++;
  const size = at - start;
  const mayBeNone = (size === 6 || size === 4) && (data[start] === 0x28 || data[start] === 0x3c); // ( and <
  return mayBeNone && textOf(data.subarray(start, at)) === null ? -1 : at;
}

/** Both ends of a connection, client first. Addresses have 4 or 16 bytes. */
export interface Ends {
  readonly cip: Uint8Array;
  readonly cport: number;
  sip: Uint8Array;
  sport: number;
}

const UNIX = 1;
const INTERNET = 2;
const INTERNET6 = 10;

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const isMapped = (ip: Uint8Array): boolean => ip.length === 16 && MAPPED.every((byte, i) => ip[i] === byte);

/** A socket's two ends: family, then address and port of each. */
export function tupleOf(bytes: Buffer | undefined): Ends | string | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  const size = family === INTERNET ? 4 : 16;
  if ((family === INTERNET || family === INTERNET6) && bytes.length >= 1 + 2 * (size + 2)) {
    const end = (at: number) => ({
      ip: Uint8Array.from(bytes.subarray(at, at + size)),
      port: bytes.readUInt16LE(at + size),
    });
    const [c, s] = [end(1), end(1 + size + 2)];
    // A connection of IPv4 over a socket of IPv6 is one of IPv4.
    if (isMapped(c.ip) && isMapped(s.ip))
      return { cip: c.ip.slice(12), cport: c.port, sip: s.ip.slice(12), sport: s.port };
    return { cip: c.ip, cport: c.port, sip: s.ip, sport: s.port };
  }
  if (family !== UNIX || bytes.length < 17) return null;
  const pointer = (at: number) => bytes.readBigUInt64LE(at).toString(16);
  return unixName(pointer(1), pointer(9), textOf(bytes.subarray(17)) ?? "");
}

/** As fd.name has a Unix socket: both ends, and the path where there is one. */
export function unixName(source: string, peer: string, path: string): string {
  return path === "" ? `${source}->${peer}` : `${source}->${peer} ${path}`;
}

/** A socket's own end: family, then address and port; of a Unix socket its path. */
export function serverEnd(bytes: Buffer | undefined): { sip: Uint8Array; sport: number } | string | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  if (family === UNIX) return textOf(bytes.subarray(1));
  const size = family === INTERNET ? 4 : family === INTERNET6 ? 16 : 0;
  if (size === 0 || bytes.length < 1 + size + 2) return null;
  const sip = Uint8Array.from(bytes.subarray(1, 1 + size));
  return { sip: isMapped(sip) ? sip.slice(12) : sip, sport: bytes.readUInt16LE(1 + size) };
}

/** As the kernel's struct sockaddr, which our records hold. */
export function sockaddrOf(bytes: Buffer | undefined): Uint8Array | null {
  const family = bytes?.[0];
  if (bytes === undefined || family === undefined) return null;
  const head = Buffer.from([family, 0]);
  if (family === UNIX) return Buffer.concat([head, bytes.subarray(1)]);
  const size = family === INTERNET ? 4 : family === INTERNET6 ? 16 : 0;
  if (size === 0 || bytes.length < 1 + size + 2) return null;
  const port = Buffer.alloc(2);
  port.writeUInt16BE(bytes.readUInt16LE(1 + size));
  const ip = bytes.subarray(1, 1 + size);
  return size === 4 ? Buffer.concat([head, port, ip]) : Buffer.concat([head, port, Buffer.alloc(4), ip]);
}
