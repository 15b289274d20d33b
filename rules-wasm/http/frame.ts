// SPDX-License-Identifier: Apache-2.0
// The head of a frame of HTTP/2 (RFC 9113): how long the frame is, what it is, and of which stream.
import { u32At } from "../network-order";

/** Bytes of a head. */
export const FRAME_HEAD: u32 = 9;

/** A part of a body. */
export const DATA: u32 = 0;
/** Fields of a request, of an answer, or behind a body. */
export const HEADERS: u32 = 1;
const PRIORITY: u32 = 2;
/** A stream ends before its time. */
export const RST_STREAM: u32 = 3;
const SETTINGS: u32 = 4;
/** Fields of a request that the server makes itself. */
export const PUSH_PROMISE: u32 = 5;
const PING: u32 = 6;
const WINDOW_UPDATE: u32 = 8;
/** More of the fields of the frame before. */
export const CONTINUATION: u32 = 9;

/** The sender says no more on this stream. */
export const END_STREAM: u32 = 1;
const ACK: u32 = 1;
/** No frame with more of these fields follows. */
export const END_HEADERS: u32 = 4;
const PADDED: u32 = 8;
const WITH_PRIORITY: u32 = 32;

/** What a peer takes unless it says more. */
const LENGTH_MAX: u32 = 16384;

// @ts-ignore: decorator
@inline export function lengthOf(head: usize): u32 { return u32At(head) >> 8; }
// @ts-ignore: decorator
@inline export function typeOf(head: usize): u32 { return load<u8>(head + 3); }
// @ts-ignore: decorator
@inline export function hasFlag(head: usize, flag: u32): bool { return (load<u8>(head + 4) & flag) != 0; }
// @ts-ignore: decorator
@inline export function streamOf(head: usize): u32 { return u32At(head + 5) & 0x7fffffff; }

/** Whether frames of this type carry fields. */
// @ts-ignore: decorator
@inline export function hasBlock(type: u32): bool { return type == HEADERS || type == PUSH_PROMISE || type == CONTINUATION; }

/** Whether a client asks by this, and a server answers: they begin odd streams. */
// @ts-ignore: decorator
@inline export function isOfClient(stream: u32): bool { return (stream & 1) != 0; }

/** Whether bytes are the begin of what either side says first. */
export function isSettings(at: usize, size: u32): bool {
  return size >= FRAME_HEAD && typeOf(at) == SETTINGS && load<u8>(at + 4) == 0 && load<u32>(at + 5) == 0 && lengthOf(at) % 6 == 0;
}

/** Bytes of the first frame of a block before its fields, from its head and its first byte. */
export function prefixOf(head: usize): u32 {
  const promised: u32 = typeOf(head) == PUSH_PROMISE ? 4 : 0, priority: u32 = typeOf(head) == HEADERS && hasFlag(head, WITH_PRIORITY) ? 5 : 0;
  return u32(hasFlag(head, PADDED)) + promised + priority;
}

/** Bytes behind its fields. */
export function paddingOf(head: usize, first: u32): u32 {
  return hasFlag(head, PADDED) ? first : 0;
}

/**
 * Whether a head in the middle of a connection can be one. `isOpen`: its stream is underway, `isNext`: it may
 * be the next request's.
 */
export function isLikely(head: usize, isOpen: bool, isNext: bool): bool {
  const length = lengthOf(head), flags: u32 = load<u8>(head + 4), stream = streamOf(head);
  if (length > LENGTH_MAX || load<u8>(head + 5) >= 0x80) return false;
  switch (typeOf(head)) {
    case DATA:
      return isOpen && (flags & ~(END_STREAM | PADDED)) == 0;
    case HEADERS:
      return (isOpen || isNext) && (flags & ~(END_STREAM | END_HEADERS | PADDED | WITH_PRIORITY)) == 0 && (flags & END_HEADERS) != 0;
    case PRIORITY:
      return length == 5 && flags == 0 && stream != 0;
    case RST_STREAM:
      return length == 4 && flags == 0 && isOpen;
    case SETTINGS:
      return stream == 0 && length % 6 == 0 && length <= 60 && flags <= ACK && (flags == 0 || length == 0);
    case PING:
      return stream == 0 && length == 8 && flags <= ACK;
    case WINDOW_UPDATE:
      return length == 4 && flags == 0 && (stream == 0 || isOpen);
    default:
      return false;
  }
}
