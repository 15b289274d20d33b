// SPDX-License-Identifier: Apache-2.0
// Sockets that a protocol has left: what is moved there is none of its own, until the socket begins anew.
// Most of what a meter sees is of such sockets, so they are looked up before anything else, and once for all
// protocols of a module. The table only says sooner what a protocol would say again: a socket without a place
// in it is looked at whole. A place is also gone when its agent has lost events, since one of them may have
// been a new connection's first, and after a minute.
import { seconds } from "../duration";
import { hasAny } from "../flag";
import { AnyPlaintext, AnySend, AnyTransfer, EventId } from "../generated/events";
import { MsgFlag } from "../generated/flags";
import { mix } from "../string-set";
import { batchClock, batchLost, batchSource, frameNumber } from "../wire/frame";

/** A power of two. */
const PLACES: u32 = 4096;
/** A place: u64 a socket, 0: none; u32 which protocols have left it, a bit each. */
const PLACE: usize = 16;
const BITS: usize = 8;
const MINUTE: u64 = seconds(60);
/** An inode that is not known. */
const NOTHING: u64 = 0x8000000000000000;
const PROTOCOLS_MAX: i32 = 32;

const places: usize = heap.alloc(<usize>PLACES * PLACE);
memory.fill(places, 0, <usize>PLACES * PLACE);
let frame: u32 = 0;
/** Which agent the batch is of, and what it has lost. */
let salt: u64 = 0;
let since: u64 = 0;
let protocols: i32 = 0;

/** The event that was looked up last, and who has left its socket. */
let askedAt: usize = 0;
let asked: u32 = 0;

/** One more protocol; gives its bit. */
export function newProtocol(): u32 {
  if (protocols == PROTOCOLS_MAX) throw new Error("a policy has at most 32 protocols");
  return 1 << protocols++;
}

/** Bits of the protocols that have left the event's socket, and that do so still behind this event. */
// @ts-ignore: decorator
@inline export function leftBy(e: AnyTransfer): u32 {
  return changetype<usize>(e) == askedAt && frameNumber() == frame ? asked : look(e);
}

/** A protocol leaves the event's socket, if that is known by its inode. */
export function leave(e: AnyTransfer, protocol: u32): void {
  const key = keyOf(e), at = placeOf(key);
  if (key == 0) return;
  store<u32>(at, protocol | (load<u64>(at) == key ? load<u32>(at, BITS) : 0), BITS);
  store<u64>(at, key);
}

function look(e: AnyTransfer): u32 {
  if (frameNumber() != frame) begin();
  askedAt = changetype<usize>(e);
  const key = keyOf(e), at = placeOf(key), isKnown = load<u64>(at) == key && key != 0;
  asked = isKnown ? load<u32>(at, BITS) : 0;
  if (isKnown && !isMoving(e)) {
    store<u64>(at, 0);
    asked = 0;
  }
  return asked;
}

function begin(): void {
  frame = frameNumber();
  salt = mix(batchSource(), batchLost());
  const now = batchClock();
  if (now - since < MINUTE) return; // below 0 is more than that
  since = now;
  memory.fill(places, 0, <usize>PLACES * PLACE);
}

// @ts-ignore: decorator
@inline function keyOf(e: AnyTransfer): u64 {
  const ino = e.fd.ino;
  return ino == 0 || ino == NOTHING ? 0 : ino ^ salt;
}

// @ts-ignore: decorator
@inline function placeOf(key: u64): usize { return places + <usize>(<u32>key & (PLACES - 1)) * PLACE; }

/** Whether the call moves bytes, or is to, of a connection that is there: it begins none, and ends none. */
function isMoving(e: AnyTransfer): bool {
  switch (e.evt_type) {
    case EventId.accept:
    case EventId.accept4:
    case EventId.connect:
    case EventId.shutdown:
    case EventId.close:
      return false;
    case EventId.sendto:
    case EventId.sendmsg:
    case EventId.sendmmsg:
      return !hasAny(changetype<AnySend>(e).flags, MsgFlag.MSG_FASTOPEN);
    case EventId.tls_read:
    case EventId.tls_write:
      return !changetype<AnyPlaintext>(e).begins;
    default:
      return true;
  }
}
