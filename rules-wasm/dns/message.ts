// SPDX-License-Identifier: Apache-2.0
// What is looked at of a DNS message (RFC 1035, 4.1): the header, its one question, and the rest of the
// response code where OPT stands right behind the question (RFC 6891). The question comes first, so no
// name in it can point to another place. A byte that would be such a pointer is no length here: none is
// followed.
//
//   id 2   flags 2   counts 4 x 2   name: 3 'c' 'o' 'm' 0   type 2   class 2
import { u16At } from "../network-order";
import { isOfName, small } from "../sign";

/** This is no message with one question. */
export const OTHER: u32 = 0;
/** It asks, and its question is known. */
export const QUERY: u32 = 1;
/** It answers, and its question and response code are known. */
export const ANSWER: u32 = 2;
/** It asks, and so much is unseen that its question is not known. */
export const CUT_QUERY: u32 = 3;
/** The same of an answer. */
export const CUT_ANSWER: u32 = 4;
/** An answer of which the question is known, and a part of the response code is not. */
export const UNCLEAR: u32 = 5;

/** Bytes of the header. */
export const HEADER: u32 = 12;
/** No name has more bytes, with the lengths of its labels. */
export const NAME_MAX: u32 = 255;
/** Bytes of the longest question. */
export const QUESTION_MAX: u32 = NAME_MAX + 4;
/** No part of a message beyond that is looked at. */
export const LOOKED_AT: u32 = HEADER + QUESTION_MAX + 11;
/** A header and the question for the root. */
const LEAST: u32 = HEADER + 5;

const LABEL_MAX: u32 = 63;
const IS_ANSWER: u32 = 0x8000;
const OPCODE: u32 = 0x7800;
const ZERO: u32 = 0x0040;
const CODE: u32 = 0x000f;
const OPT: u32 = 41;

/** Of the message that was read last: its id. */
export let id: u32 = 0;
/** Its question in small letters: name, type and class. */
export const question: usize = memory.data(<i32>QUESTION_MAX + 1);
/** Bytes of the question. */
export let questionSize: u32 = 0;
/** Bytes of the name in it; of one that was cut, of its labels that were seen. */
export let nameSize: u32 = 0;
/** Bytes that the label has which was cut; 0: none was, or its length is unseen, too. */
export let cutLabel: u32 = 0;
/** Whether the name has letters, digits, `-` and `_` alone. */
export let isPlain: bool = false;
/** Of the question: A is 1. */
export let type: u32 = 0;
/** Of an answer: NXDOMAIN is 3. */
export let code: u32 = 0;
/** Whether there is something that was asked for. */
export let isGood: bool = false;

/** Reads a message of `whole` bytes, of which the first `size` were seen. */
export function readMessage(at: usize, size: u32, whole: u64): u32 {
  if (!isHeader(at, size) || whole < LEAST) return OTHER;
  const flags = u16At(at + 2), isAnswer = (flags & IS_ANSWER) != 0, isCut = size < whole;
  const end = readName(at, size);
  if (end == 0) return OTHER;
  if (end + 4 > size) return !isCut ? OTHER : isAnswer ? CUT_ANSWER : CUT_QUERY;
  type = u16At(at + end);
  if (!isClass(u16At(at + end + 2))) return OTHER;
  store<u32>(question + nameSize, load<u32>(at + end));
  questionSize = nameSize + 4;
  id = u16At(at);
  code = flags & CODE;
  const answers = u16At(at + 6);
  isGood = code == 0 && answers != 0;
  if (!isAnswer) return QUERY;
  if (answers != 0 || u16At(at + 8) != 0 || u16At(at + 10) == 0) return ANSWER;
  return readRest(at + end + 4, size - end - 4, isCut);
}

/**
 * Reads the message that one call has sent: `whole` bytes, of which the first `size` were seen. In a stream
 * two bytes with its length stand before it, unless they were sent before. No query is the other form of
 * another: where one has the number of its questions, which is 1, the other has its flags, which are not.
 */
export function readSent(at: usize, size: u32, whole: u64, isStream: bool): u32 {
  const seen = <u32>min<u64>(size, whole), length: u32 = isStream && seen >= 2 ? u16At(at) : 0;
  if (length >= LEAST && <u64>length + 2 <= whole) {
    const kind = readMessage(at + 2, min(seen - 2, length), length);
    if (kind != OTHER) return kind;
  }
  return readMessage(at, seen, whole);
}

/** Whether bytes can be the header of a query or an answer with one question. */
export function isHeader(at: usize, size: u32): bool {
  if (size < HEADER) return false;
  const flags = u16At(at + 2);
  if ((flags & (OPCODE | ZERO)) != 0 || u16At(at + 4) != 1) return false;
  return (flags & IS_ANSWER) != 0 || ((flags & CODE) == 0 && u16At(at + 6) == 0 && u16At(at + 8) <= 1 && u16At(at + 10) <= 3);
}

/** Where the name ends, beyond `size` if it was not all seen; 0: it is none. */
function readName(at: usize, size: u32): u32 {
  let from = HEADER, to: u32 = 0;
  nameSize = 0;
  cutLabel = 0;
  isPlain = true;
  while (from < size) {
    const length: u32 = load<u8>(at + from);
    if (length > LABEL_MAX || to + length + 1 > NAME_MAX) return 0;
    if (from + 1 + length > size) {
      cutLabel = length;
      break;
    }
    store<u8>(question + to, <u8>length);
    for (let i: u32 = 1; i <= length; i++) store<u8>(question + to + i, <u8>signOf(load<u8>(at + from + i)));
    from += length + 1;
    to += length + 1;
    nameSize = to;
    if (length == 0) return from;
  }
  return size + 1;
}

/** Of a name: letters in their small form. */
function signOf(byte: u32): u32 {
  if (!isOfName(byte)) isPlain = false;
  return small(byte);
}

/** The upper bits of the response code stand in OPT: 0, its type 2, a size 2, the bits 1. */
function readRest(at: usize, size: u32, isCut: bool): u32 {
  if (size < 6) return isCut ? UNCLEAR : ANSWER;
  if (load<u8>(at) == 0 && u16At(at + 1) == OPT) code |= <u32>load<u8>(at + 5) << 4;
  return ANSWER;
}

/** IN, CH, HS, NONE and ANY. */
function isClass(number: u32): bool {
  return number == 1 || number == 3 || number == 4 || number == 254 || number == 255;
}
