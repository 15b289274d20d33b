// SPDX-License-Identifier: Apache-2.0
// What a policy says of its own way to an answer, where `vedette policy explain` compiles it
// (transform/trace.js). No other module has this. The transform puts __vedette_term() around each term of
// the author's code, which the host can make answer otherwise, and __vedette_see() around the values that
// terms look at.
//
//   trace   u32 bytes used | entries: u32 kind  u32 id  u32 size | bytes, up to a multiple of 4
//   forced  a byte for each term: 0 as it is, 1 false, 2 true
import { Addr, ADDR_TEXT_MAX, writeAddr } from "../addr";
import { Process } from "../process";
import { Str } from "../str";
import { utf8Size, writeUtf8 } from "../text";
import { hostLog } from "./host";

/** As host/wasm/traced.ts has them. */
const TERM: u32 = 0, TEXT: u32 = 1, INTEGER: u32 = 2, UNSIGNED: u32 = 3, FLOAT: u32 = 4, ANSWER: u32 = 5, ABSENT: u32 = 6;
const TRACE_SIZE: u32 = 1 << 18;
const TERMS_MAX: u32 = 4096;
const TEXT_MAX: u32 = 256;
const HEAD: u32 = 12;
const TRACE: usize = memory.data(1 << 18, 8);
const FORCED: usize = memory.data(4096, 8);

/** Tells the host where both are, in its first line. */
export function tellTrace(): void {
  const line = `${TRACE} ${FORCED}`, size = utf8Size(line), at = heap.alloc(size);
  writeUtf8(line, at);
  hostLog(0, at, size);
}

/** Forgets what was said before. */
export function beginTrace(): void {
  store<u32>(TRACE, 4);
}

/** A rule's answer: what was said before it led there. */
export function answered(rule: u32, is: bool): bool {
  entry(ANSWER, rule, 4);
  store<u32>(room, <u32>is);
  return is;
}

/** A term's answer, or the one that the host has asked for. */
// @ts-ignore: decorator
@global
export function __vedette_term<T>(id: u32, value: T): bool {
  let is: bool = value ? true : false;
  const forced = id < TERMS_MAX ? load<u8>(FORCED + id) : 0;
  if (forced != 0) is = forced == 2;
  entry(TERM, id, 4);
  store<u32>(room, <u32>is);
  return is;
}

/**
 * A value that a term looks at. `isWhole`: a process is looked at as one, and not for a part of it.
 */
// @ts-ignore: decorator
@global
export function __vedette_see<T>(id: u32, value: T, isWhole: bool): T {
  if (isFloat<T>()) {
    entry(FLOAT, id, 8);
    store<f64>(room, <f64>value);
  } else if (isInteger<T>()) {
    entry(isSigned<T>() ? INTEGER : UNSIGNED, id, 8);
    store<i64>(room, <i64>value);
  } else if (isString<T>()) {
    const text = changetype<string>(changetype<usize>(value));
    const part = text.length > <i32>TEXT_MAX ? text.substring(0, TEXT_MAX) : text;
    entry(TEXT, id, utf8Size(part));
    if (room != SINK) writeUtf8(part, room);
  } else if (isReference<T>()) {
    seeReference(id, changetype<usize>(value), nameof<T>(), isWhole);
  }
  return value;
}

function seeReference(id: u32, at: usize, name: string, isWhole: bool): void {
  if (at == 0) return entry(ABSENT, id, 0);
  if (name == "Str") return seeText(id, changetype<Str>(at));
  if (name == "Process" && isWhole) return seeText(id, changetype<Process>(at).exepath);
  if (name != "Addr") return;
  if (!changetype<Addr>(at).exists) return entry(ABSENT, id, 0);
  const copy = heap.alloc(ADDR_TEXT_MAX), size = writeAddr(changetype<Addr>(at), copy);
  entry(TEXT, id, size);
  if (room != SINK) memory.copy(room, copy, size);
}

function seeText(id: u32, text: Str): void {
  if (!text.exists) return entry(ABSENT, id, 0);
  const size = min(text.size, TEXT_MAX);
  entry(TEXT, id, size);
  if (room != SINK) memory.copy(room, text.address, size);
}

const SINK: usize = memory.data(8, 8);
let room: usize = SINK;

/** Makes room for `size` bytes; where there is none any more, what is said is lost. */
function entry(kind: u32, id: u32, size: u32): void {
  const used = load<u32>(TRACE), whole = HEAD + ((size + 3) & ~3);
  room = SINK;
  if (used + whole > TRACE_SIZE) return;
  const at = TRACE + used;
  store<u32>(at, kind);
  store<u32>(at, id, 4);
  store<u32>(at, size, 8);
  room = at + HEAD;
  store<u32>(TRACE, used + whole);
}
