// SPDX-License-Identifier: Apache-2.0
// Documents of BSON (https://bsonspec.org), of which the begin is there. Values say how long they are, so what
// nobody asks for is passed over. A document that is none has no elements from there on.
//
//   length 4   { type 1   key ... 0   value }   0
import { isSame } from "../text";

/** Types of values. */
export const TEXT: u32 = 2;
/** One more document. */
export const DOCUMENT: u32 = 3;
/** A document whose keys are numbers. */
export const ARRAY: u32 = 4;
const DOUBLE: u32 = 1;
const BOOL: u32 = 8;
const INT32: u32 = 16;
const INT64: u32 = 18;

const LENGTH_MAX: u32 = 1 << 26;
const LENGTH: u32 = 4;

/** Of the element that was found last: what its value is. */
export let type: u32 = 0;
/** Where its key is. */
export let keyAt: usize = 0;
/** Bytes of its key. */
export let keySize: u32 = 0;
/** Where its value begins; not all of it need be there. */
export let valueAt: usize = 0;

/** Finds the first element of the document at `doc`, of which the bytes up to `end` are there. */
export function first(doc: usize, end: usize): bool {
  return doc + LENGTH < end && element(doc + LENGTH, end) != 0;
}

/** Finds the element of this key. */
export function find(doc: usize, end: usize, key: string): bool {
  for (let at = doc + LENGTH; at < end && load<u8>(at) != 0; ) {
    const next = element(at, end);
    if (next == 0) return false;
    if (isSame(keyAt, keySize, key)) return true;
    at = next;
  }
  return false;
}

/** The number that was found; i64.MIN_VALUE: it is none, or not all of it is there. */
export function number(end: usize): i64 {
  switch (type) {
    case DOUBLE:
      return valueAt + 8 <= end ? <i64>load<f64>(valueAt) : i64.MIN_VALUE;
    case INT64:
      return valueAt + 8 <= end ? load<i64>(valueAt) : i64.MIN_VALUE;
    case INT32:
      return valueAt + 4 <= end ? <i64>load<i32>(valueAt) : i64.MIN_VALUE;
    case BOOL:
      return valueAt < end ? <i64>load<u8>(valueAt) : i64.MIN_VALUE;
    default:
      return i64.MIN_VALUE;
  }
}

/**
 * Reads the element there. Gives where it ends, which may be beyond what is there; 0: it is none, or not
 * seen.
 */
function element(at: usize, end: usize): usize {
  type = load<u8>(at);
  keyAt = at + 1;
  const keyEnd = zeroAt(keyAt, end);
  if (keyEnd == 0) return 0;
  keySize = <u32>(keyEnd - keyAt);
  valueAt = keyEnd + 1;
  switch (type) {
    case 6:
    case 10:
    case 127:
    case 255:
      return valueAt;
    case BOOL:
      return valueAt + 1;
    case INT32:
      return valueAt + 4;
    case DOUBLE:
    case 9:
    case 17:
    case INT64:
      return valueAt + 8;
    case 7:
      return valueAt + 12;
    case 19:
      return valueAt + 16;
    case 11: {
      const middle = zeroAt(valueAt, end), last = middle == 0 ? 0 : zeroAt(middle + 1, end);
      return last == 0 ? 0 : last + 1;
    }
    case DOCUMENT:
    case ARRAY:
    case 15:
      return behind(end, 0);
    case TEXT:
    case 13:
    case 14:
      return behind(end, 4);
    case 5:
      return behind(end, 5);
    case 12:
      return behind(end, 16);
    default:
      return 0;
  }
}

/** Behind a value that begins with its length, which does not count `more` of its bytes. */
function behind(end: usize, more: u32): usize {
  if (valueAt + LENGTH > end) return end; // found, and all that is there
  const length = load<u32>(valueAt);
  return length > LENGTH_MAX || length + more < LENGTH ? 0 : valueAt + length + more;
}

function zeroAt(from: usize, end: usize): usize {
  for (let at = from; at < end; at++) if (load<u8>(at) == 0) return at;
  return 0;
}
