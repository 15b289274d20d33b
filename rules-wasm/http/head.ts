// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1 message (RFC 9112): its first line and the two fields that say where its body ends.
// Nothing else of a head is looked at, and no value of a header leaves.
import { isSame } from "../text";
import { byteAt } from "../wire/memory";

/** By number; 0 is what OpenTelemetry calls a method that it does not list. */
// @ts-ignore: decorator
@lazy export const METHODS: StaticArray<string> = [
  "_OTHER", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];
/** A method whose answers have no body. */
export const HEAD: u32 = 2;
/** The method of gRPC's calls. */
export const POST: u32 = 3;
/** A method after which the connection is a tunnel. */
export const CONNECT: u32 = 6;
const METHOD_MAX: u32 = 20;
const BLANK: u32 = 0x20;
const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const COLON: u32 = 0x3a;
/** No number with more digits is a length. */
const LENGTH_MAX: u64 = 1 << 50;

/** Of the head that was read last: bytes of the body, -1 where nothing says. */
export let bodyLength: i64 = -1;
/** Whether the body comes in chunks. */
export let isChunked: bool = false;
/** Whether what says the length makes no sense. */
export let isDoubtful: bool = false;

/** Bytes of the head with its empty line; 0 where it is not all there. */
export function headEnd(at: usize, size: u32): u32 {
  const end = at + size;
  for (let line = byteAt(at, end, LF); line + 1 < end; line = byteAt(line + 1, end, LF)) {
    const next: u32 = load<u8>(line + 1);
    if (next == LF) return <u32>(line - at) + 2;
    if (next == CR && line + 2 < end && load<u8>(line + 2) == LF) return <u32>(line - at) + 3;
  }
  return 0;
}

/** A method, a blank, and what a target begins with. */
export function isRequest(at: usize, size: u32): bool {
  let i: u32 = 0;
  while (i < size && i < METHOD_MAX && isUpper(load<u8>(at + i))) i++;
  if (i == 0 || i + 1 >= size || load<u8>(at + i) != BLANK) return false;
  const first: u32 = load<u8>(at + i + 1);
  return first == 0x2f || first == 0x2a || first == 0x68 || methodOf(at, size) == CONNECT; // / * h
}

/** `HTTP/1.d ddd`. */
export function isResponse(at: usize, size: u32): bool {
  return size >= 12 && load<u64>(at) << 8 == 0x2e312f5054544800 && statusOf(at) >= 100;
}

/** Bytes of what of HTTP/2's preface looks like a head. */
export const PREFACE_HEAD: u32 = 18;

/** Whether it is the begin of HTTP/2's preface, which looks like a head for servers of HTTP/1 to refuse. */
export function isPreface(at: usize, size: u32): bool {
  return isSame(at, size, "PRI * HTTP/2.0\r\n\r\n");
}

/** Whether an answer's whole head says that HTTP/2 follows. */
export function isUpgrade(at: usize, size: u32): bool {
  for (let line: u32 = 0, end: u32 = 0; line < size; line = end + 1) {
    end = <u32>(byteAt(at + line, at + size, LF) - at);
    if (!isField(at + line, end - line, "upgrade")) continue;
    let from = line + 8;
    while (from < end && load<u8>(at + from) == BLANK) from++;
    if (end - from >= 3 && isSameWord(at + from, "h2c") && load<u8>(at + from + 3) <= BLANK) return true;
  }
  return false;
}

/** The status of a response, 0 where it is no number. */
export function statusOf(at: usize): u32 {
  let status: u32 = 0;
  for (let i: u32 = 9; i < 12; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) return 0;
    status = status * 10 + digit;
  }
  return load<u8>(at + 8) == BLANK ? status : 0;
}

/** The number of a request's method. */
export function methodOf(at: usize, size: u32): u32 {
  let length: u32 = 0;
  while (length < size && length < METHOD_MAX && load<u8>(at + length) != BLANK) length++;
  return length == size ? 0 : methodNamed(at, length);
}

/** The number of a method. */
export function methodNamed(at: usize, size: u32): u32 {
  for (let k: u32 = 1; k < <u32>METHODS.length; k++) if (isSame(at, size, METHODS[k])) return k;
  return 0;
}

/** Where the path of a request begins, from its head's begin: behind the method, and scheme and host. */
export function pathBegin(at: usize, size: u32): u32 {
  let i: u32 = 0;
  while (i < size && load<u8>(at + i) != BLANK) i++;
  i++;
  if (i >= size || load<u8>(at + i) != 0x68) return i;
  let slashes = 0; // http://host/path
  for (; i < size && load<u8>(at + i) != BLANK; i++) if (load<u8>(at + i) == 0x2f && ++slashes == 3) return i;
  return size;
}

/** Bytes of the path that begins there, before `?`; -1 where its end is not there. */
export function pathSize(at: usize, size: u32, begin: u32): i32 {
  for (let i = begin; i < size; i++) {
    const byte: u32 = load<u8>(at + i);
    if (byte == BLANK || byte == 0x3f || byte == 0x23 || byte == CR || byte == LF) return <i32>(i - begin);
  }
  return -1;
}

/** Reads what a whole head says of the body. */
export function readFields(at: usize, size: u32): void {
  bodyLength = -1;
  isChunked = false;
  isDoubtful = false;
  let line: u32 = 0;
  while (line < size) {
    const end = <u32>(byteAt(at + line, at + size, LF) - at);
    if (isField(at + line, end - line, "content-length")) readLength(at + line + 15, end - line - 15);
    else if (isField(at + line, end - line, "transfer-encoding")) readEncoding(at + line + 18, end - line - 18);
    line = end + 1;
  }
}

function readLength(at: usize, size: u32): void {
  let length: u64 = 0, digits = 0;
  for (let i: u32 = 0; i < size; i++) {
    const byte: u32 = load<u8>(at + i), digit = byte - 0x30;
    if (digit <= 9 && length < LENGTH_MAX) {
      length = length * 10 + digit;
      digits++;
    } else if (byte != BLANK && byte != CR && byte != 9) isDoubtful = true;
  }
  if (digits == 0 || (bodyLength >= 0 && bodyLength != <i64>length)) isDoubtful = true;
  else bodyLength = <i64>length;
}

/** The last coding says whether there are chunks. */
function readEncoding(at: usize, size: u32): void {
  let end = size;
  while (end > 0 && load<u8>(at + end - 1) <= BLANK) end--;
  isChunked = end >= 7 && isSameWord(at + end - 7, "chunked");
  if (!isChunked) isDoubtful = true;
}

function isField(at: usize, size: u32, name: string): bool {
  const length = <u32>name.length;
  return size > length && load<u8>(at + length) == COLON && isSameWord(at, name);
}

/** `word` is in small letters; what stands there may have capitals. */
export function isSameWord(at: usize, word: string): bool {
  for (let i = 0; i < word.length; i++) {
    const byte: u32 = load<u8>(at + i), small = byte - 0x41 < 26 ? byte + 0x20 : byte;
    if (small != <u32>word.charCodeAt(i)) return false;
  }
  return true;
}

// @ts-ignore: decorator
@inline function isUpper(byte: u32): bool { return byte - 0x41 < 26 || byte == 0x2d || byte == 0x5f; }
