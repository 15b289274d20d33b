// SPDX-License-Identifier: Apache-2.0
// Header blocks of HTTP/2 (RFC 7541): of their fields the method, the path, the status, whether the content
// is gRPC's, and its status; where it is asked for, the traceparent, too. Nothing else is looked at. A block
// may be cut behind any byte.
//
// Of the dynamic table the newest fields are kept, and neither their sizes nor the table's. A table
// forgets the oldest first, and a field that is too large for it forgets all. So where a block names the
// n-th newest field, the last n that were to be added were added, and the count of those says which it is.
// For the same reason what came before a gap need not be known: forget() it, and a field from then on is
// known by its number, or is from before and unknown.
//
// A traceparent is more than a table has room for. The newest of a connection stand beside its table,
// numbered as they came, and the table has the number. So what one connection says is never another's.
import { hours } from "../duration";
import { StateTable, UNKEPT } from "../state/table";
import { textHash } from "../string-set";
import { isSame } from "../text";
import { batchSource } from "../wire/frame";
import { UNLISTED } from "./grpc";
import { methodNamed } from "./head";
import { unpack } from "./huffman";
import { PATH_MAX } from "./request";
import { keepTraceparent, NAME, readValue, SIZE, TRACE } from "./traceparent";

/** What a field is. */
const OTHER: u32 = 0;
const METHOD: u32 = 1;
const PATH: u32 = 2;
const STATUS: u32 = 3;
const TYPE: u32 = 4;
const GRPC_STATUS: u32 = 5;
/** From before a gap. */
const UNKNOWN: u32 = 6;
const TRACEPARENT: u32 = 7;

/** A method, content or gRPC status that is not there. */
export const NONE: u32 = 0xff;

/** A table: how many fields were added (u32), then the newest, 8 bytes each: the kind below its value. */
const FIELDS: usize = 8;
/** A table of 4,096 bytes has no more, for a field counts 32 bytes more than it has. A power of two. */
const FIELDS_MAX: u32 = 128;
/** Bytes of a table. */
export const TABLE: usize = FIELDS + 8 * <usize>FIELDS_MAX;
const STATIC: u32 = 61;

/** Beside a table: how many traceparents were added (u64), then the newest, as traceparent.ts keeps them. */
const KEPT: usize = 8;
/** A table of 4,096 bytes has 41 at most. A power of two. */
const KEPT_MAX: u64 = 64;
/** Bytes of them. */
export const TRACES: usize = KEPT + <usize>KEPT_MAX * TRACE;
/** Stands in a table for a traceparent that does not read. */
const NO_TRACE: u64 = 0;

/** Values of a path: it is not kept; the two of the static table; else a hash. */
const NO_PATH: u64 = 0;
const ROOT_PATH: u64 = 1;
const INDEX_PATH: u64 = 2;

const NO_NUMBER: u32 = 0xffff;

/** No integer of a block that means something needs more. */
const INTEGER_MAX: u32 = 1 << 28;

/** Of the block that was read last, by its number in head.ts. What comes twice is as it came last. */
export let method: u32 = NONE;
/** 0 where there is none. */
export let status: u32 = 0;
/** 1 where the content is gRPC's, 0 where it is something else. */
export let grpc: u32 = NONE;
/** By its number, or UNLISTED. */
export let grpcStatus: u32 = NONE;
/** Up to `?`; without bytes where it is too long, or no path. */
export const path: usize = memory.data(128);
/** Bytes of it. */
export let pathSize: u32 = 0;
/** Whether all fields are known. Else those that are not there may have been. */
export let isComplete: bool = true;
/** Its traceparent, if hasTrace() says so. */
export const trace: usize = memory.data(32);
let traceCount: u32 = 0;
let isTraceRead: bool = true;

const text: usize = memory.data(64);
const TEXT_MAX: u32 = 40;

/** Where the block goes on, and where it ends. */
let at: usize = 0;
let end: usize = 0;
/** The connection's traceparents; 0: they are not read. */
let traces: usize = 0;
/** The string that was read last. */
let stringAt: usize = 0;
let stringSize: u32 = 0;
let isPacked: bool = false;

/** The path in a string of its own, for a note. */
export function pathText(): string {
  return String.UTF8.decodeUnsafe(path, pathSize);
}

/** Whether the block has exactly one traceparent, and that reads. A field that is not known may be one. */
export function hasTrace(): bool {
  return isComplete && isTraceRead && traceCount == 1;
}

/** What was added to the table until now is not known any more. */
export function forget(table: usize): void {
  store<u32>(table, 0);
}

/** Reads blocks. */
export class Hpack {
  /** Paths in all tables, by their hashes. */
  private readonly paths: StateTable = new StateTable(UNKEPT, 512, 4 + PATH_MAX, hours(2));

  /**
   * Reads a block, and adds to the table what it adds. False: it is cut, or none. What was read of it stands
   * then, and the table must be forgotten. `kept`: where the connection's traceparents are, TRACES bytes;
   * 0: they are not read.
   */
  read(table: usize, from: usize, size: u32, now: u64, kept: usize = 0): bool {
    traces = kept;
    traceCount = 0;
    isTraceRead = true;
    method = grpc = grpcStatus = NONE;
    status = 0;
    pathSize = 0;
    isComplete = true;
    at = from;
    end = from + size;
    while (at < end) if (!this.field(table, now)) {
      isComplete = false;
      return false;
    }
    return true;
  }

  private field(table: usize, now: u64): bool {
    const first: u32 = load<u8>(at);
    if ((first & 0x80) != 0) {
      const index = readInteger(7);
      if (index <= 0) return false;
      this.hold(fieldAt(table, index), now);
      return true;
    }
    if ((first & 0xe0) == 0x20) return readInteger(5) >= 0; // the table's size
    const isAdded = (first & 0x40) != 0, index = readInteger(isAdded ? 6 : 4);
    if (index < 0) return false;
    if (index == 0 && !readString()) return false;
    const kind = index == 0 ? kindOfName() : <u32>fieldAt(table, index) & 15;
    if (!readString()) return false;
    if (kind == UNKNOWN) isComplete = false;
    const value = this.value(kind, isAdded, now);
    if (value < 0) return false;
    if (isAdded) add(table, <u64>value << 4 | kind);
    return true;
  }

  /** A field of a table. */
  private hold(field: u64, now: u64): void {
    const value = field >> 4, number = <u32>value;
    switch (<u32>field & 15) {
      case METHOD:
        method = number;
        break;
      case PATH:
        this.holdPath(value, now);
        break;
      case STATUS:
        status = number;
        break;
      case TYPE:
        grpc = number;
        break;
      case GRPC_STATUS:
        grpcStatus = number;
        break;
      case TRACEPARENT:
        holdTrace(value);
        break;
      case UNKNOWN:
        isComplete = false;
    }
  }

  private holdPath(value: u64, now: u64): void {
    if (value == ROOT_PATH) return keep("/");
    if (value == INDEX_PATH) return keep("/index.html");
    const known = value == NO_PATH ? 0 : this.paths.find(value, now);
    pathSize = known == 0 ? 0 : load<u32>(known);
    if (known != 0) memory.copy(path, known + 4, pathSize);
  }

  /** Holds the value of the string that was read. Gives what a table has of it; -1: it is no text. */
  private value(kind: u32, isAdded: bool, now: u64): i64 {
    if (kind == OTHER || kind == UNKNOWN) return 0;
    if (kind == TRACEPARENT) return traces == 0 ? NO_TRACE : traceValue(isAdded);
    const room = kind == PATH ? PATH_MAX + 1 : TEXT_MAX;
    const size = isPacked ? unpack(stringAt, stringSize, kind == PATH ? path : text, room) : <i32>stringSize;
    if (size < 0) return -1;
    const from = isPacked ? (kind == PATH ? path : text) : stringAt;
    if (kind == PATH) return this.pathValue(from, size, isAdded, now);
    let value: u32 = 0;
    if (kind == METHOD) method = value = methodNamed(from, size);
    else if (kind == STATUS) {
      const number = numberOf(from, size, 3);
      status = value = number < 100 || number == NO_NUMBER ? 0 : number;
    }
    else if (kind == TYPE) grpc = value = u32(isGrpc(from, size));
    else grpcStatus = value = min(UNLISTED, numberOf(from, size, 2));
    return value;
  }

  private pathValue(from: usize, size: u32, isAdded: bool, now: u64): i64 {
    let bytes: u32 = 0;
    const most = min(size, PATH_MAX + 1);
    while (bytes < most && load<u8>(from + bytes) != 0x3f && load<u8>(from + bytes) != 0x23) bytes++;
    pathSize = bytes > PATH_MAX || bytes == 0 || load<u8>(from) != 0x2f ? 0 : bytes;
    if (from != path) memory.copy(path, from, pathSize);
    if (!isAdded || pathSize == 0) return NO_PATH;
    const hash = textHash(path, pathSize, batchSource()) >> 4 | 4; // as much as a table has room for, and none of the two
    const kept = this.paths.take(hash, now);
    store<u32>(kept, pathSize);
    memory.copy(kept + 4, path, pathSize);
    return hash;
  }
}

/** A traceparent of the table, by its number. */
function holdTrace(number: u64): void {
  traceCount++;
  if (number == NO_TRACE || traces == 0 || load<u64>(traces) - number >= KEPT_MAX) isTraceRead = false;
  else memory.copy(trace, keptAt(number), TRACE);
}

/** Reads the string that was read as a traceparent. Gives what a table has of it. */
function traceValue(isAdded: bool): u64 {
  traceCount++;
  // One byte more than it has shows that there are more.
  const size = isPacked ? unpack(stringAt, stringSize, text, SIZE + 1) : <i32>stringSize;
  if (size != <i32>SIZE || !readValue(isPacked ? text : stringAt)) {
    isTraceRead = false;
    return NO_TRACE;
  }
  keepTraceparent(trace);
  if (!isAdded) return NO_TRACE;
  const number = load<u64>(traces) + 1;
  store<u64>(traces, number);
  memory.copy(keptAt(number), trace, TRACE);
  return number;
}

// @ts-ignore: decorator
@inline function keptAt(number: u64): usize { return traces + KEPT + <usize>(number & (KEPT_MAX - 1)) * TRACE; }

/** A field by its index. */
function fieldAt(table: usize, index: u32): u64 {
  if (index <= STATIC) return staticField(index);
  const age = index - STATIC, count = load<u32>(table);
  if (age > min(count, FIELDS_MAX)) return UNKNOWN;
  return load<u64>(table + FIELDS + 8 * <usize>((count - age) & (FIELDS_MAX - 1)));
}

function add(table: usize, field: u64): void {
  const count = load<u32>(table);
  store<u64>(table + FIELDS + 8 * <usize>(count & (FIELDS_MAX - 1)), field);
  store<u32>(table, count + 1 == 0 ? FIELDS_MAX : count + 1);
}

/** Of appendix A. */
function staticField(index: u32): u64 {
  switch (index) {
    case 2: // GET
      return 1 << 4 | METHOD;
    case 3: // POST
      return 3 << 4 | METHOD;
    case 4:
      return ROOT_PATH << 4 | PATH;
    case 5:
      return INDEX_PATH << 4 | PATH;
    case 8:
      return 200 << 4 | STATUS;
    case 9:
      return 204 << 4 | STATUS;
    case 10:
      return 206 << 4 | STATUS;
    case 11:
      return 304 << 4 | STATUS;
    case 12:
      return 400 << 4 | STATUS;
    case 13:
      return 404 << 4 | STATUS;
    case 14:
      return 500 << 4 | STATUS;
    case 31: // content-type, without a value
      return TYPE;
    default:
      return OTHER;
  }
}

/** An integer of which the first byte has so many bits; -1 where it is cut, or means nothing. */
function readInteger(bits: u32): i32 {
  const mask: u32 = (1 << bits) - 1;
  let value = <u32>load<u8>(at++) & mask;
  if (value < mask) return value;
  for (let shift: u32 = 0; shift <= 21; shift += 7) {
    if (at == end) return -1;
    const byte: u32 = load<u8>(at++);
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value < INTEGER_MAX ? value : -1;
  }
  return -1;
}

/** False: it is cut. */
function readString(): bool {
  if (at == end) return false;
  isPacked = load<u8>(at) >= 0x80;
  const size = readInteger(7);
  if (size < 0 || <usize>size > end - at) return false;
  stringAt = at;
  stringSize = size;
  at += size;
  return true;
}

/** Of a name that stands in the block. */
function kindOfName(): u32 {
  let from = stringAt, size = stringSize;
  if (isPacked) {
    const unpacked = unpack(from, size, text, TEXT_MAX);
    if (unpacked < 0) return OTHER;
    from = text;
    size = unpacked;
  }
  if (isSame(from, size, ":path")) return PATH;
  if (isSame(from, size, ":method")) return METHOD;
  if (isSame(from, size, ":status")) return STATUS;
  if (isSame(from, size, "content-type")) return TYPE;
  if (isSame(from, size, "grpc-status")) return GRPC_STATUS;
  return traces != 0 && isSame(from, size, NAME) ? TRACEPARENT : OTHER;
}

/** Digits, at most so many; NO_NUMBER where it is something else. */
function numberOf(from: usize, size: u32, most: u32): u32 {
  if (size == 0 || size > most) return NO_NUMBER;
  let value: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const digit = <u32>load<u8>(from + i) - 0x30;
    if (digit > 9) return NO_NUMBER;
    value = value * 10 + digit;
  }
  return value;
}

/** `application/grpc`, also with `+proto` or parameters; gRPC-Web is something else. */
function isGrpc(from: usize, size: u32): bool {
  if (size < 16 || !isSame(from, 16, "application/grpc")) return false;
  return size == 16 || load<u8>(from + 16) == 0x2b || load<u8>(from + 16) == 0x3b;
}

function keep(value: string): void {
  pathSize = value.length;
  for (let i = 0; i < value.length; i++) store<u8>(path + i, <u8>value.charCodeAt(i));
}
