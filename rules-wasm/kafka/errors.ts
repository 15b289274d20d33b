// SPDX-License-Identifier: Apache-2.0
// Where in an answer of Kafka its error stands, which its API and version say. Some answers have one for
// each partition: of these it is the first partition's. In a flexible version a field of tags is before
// the body, and lengths are numbers of 7 bits a byte, with 1 added. Other APIs and later versions have no
// error that is known.
import { u16At, u32At } from "../network-order";

const PRODUCE: u32 = 0;
const FETCH: u32 = 1;
const OFFSET_COMMIT: u32 = 8;

/** What is left of the body, and whether something was to be read that is not there. */
let at: usize = 0;
let left: u32 = 0;
let isShort: bool = false;

/** The number of the error, of which 16 bits count; 0: there is none, or it is not known. */
export function errorIn(from: usize, size: u32, api: u32, version: u32): u32 {
  at = from;
  left = size;
  isShort = false;
  const error = find(api, version);
  return isShort ? 0 : error;
}

function find(api: u32, version: u32): u32 {
  switch (api) {
    case PRODUCE:
      return version > 12 ? 0 : header(version, 99, 9) ? ofPartition(version >= 9, false) : 0;
    case FETCH:
      return version > 17 ? 0 : ofFetch(version);
    case OFFSET_COMMIT:
      return version > 9 ? 0 : header(version, 3, 8) ? ofPartition(version >= 8, false) : 0;
    case 10: // FindCoordinator
      return atTop(version, 1, 3, 3);
    case 11: // JoinGroup
      return atTop(version, 2, 6, 9);
    case 12: // Heartbeat
      return atTop(version, 1, 4, 4);
    case 13: // LeaveGroup
    case 14: // SyncGroup
      return atTop(version, 1, 4, 5);
    case 16: // ListGroups
      return atTop(version, 1, 3, 5);
    case 17: // SaslHandshake
      return atTop(version, 99, 99, 1);
    case 18: // ApiVersions: without tags, since its client does not know yet what the broker knows
      return atTop(version, 99, 99, 4);
    case 22: // InitProducerId
      return atTop(version, 0, 2, 5);
    case 25: // AddOffsetsToTxn
    case 26: // EndTxn
      return atTop(version, 0, 3, 5);
    case 36: // SaslAuthenticate
      return atTop(version, 99, 2, 2);
    default:
      return 0;
  }
}

/**
 * The error behind the header of the body: since which version there is a time, tags; up to which it is
 * so.
 */
function atTop(version: u32, timeFrom: u32, tagsFrom: u32, last: u32): u32 {
  return version <= last && header(version, timeFrom, tagsFrom) ? u16() : 0;
}

/** Consumes what is before the body. False: there are tags, which nobody has seen yet. */
function header(version: u32, timeFrom: u32, tagsFrom: u32): bool {
  if (version >= tagsFrom && varint() != 0) return false;
  if (version >= timeFrom) pass(4);
  return true;
}

function ofFetch(version: u32): u32 {
  if (!header(version, 1, 12)) return 0;
  if (version < 7) return ofPartition(false, false);
  const error = u16();
  pass(4); // the session
  return error != 0 ? error : ofPartition(version >= 12, version >= 13);
}

/** The first topic's first partition: its number, then its error. `isById`: the topic has no name. */
function ofPartition(isFlexible: bool, isById: bool): u32 {
  if (count(isFlexible) == 0) return 0;
  if (isById) pass(16);
  else pass(isFlexible ? count(true) : u16());
  if (count(isFlexible) == 0) return 0;
  pass(4);
  return u16();
}

/** How many follow. */
function count(isFlexible: bool): u32 {
  if (isFlexible) {
    const more = varint();
    return more == 0 ? 0 : more - 1;
  }
  return has(4) ? u32At(at - 4) : 0;
}

function u16(): u32 {
  return has(2) ? u16At(at - 2) : 0;
}

function varint(): u32 {
  let value: u32 = 0;
  for (let shift: u32 = 0; shift < 32; shift += 7) {
    if (!has(1)) return 0;
    const byte: u32 = load<u8>(at - 1);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

function pass(bytes: u32): void {
  has(bytes);
}

/** Consumes bytes. False: they are not there. */
function has(bytes: u32): bool {
  if (bytes > left || isShort) {
    isShort = true;
    return false;
  }
  at += bytes;
  left -= bytes;
  return true;
}
