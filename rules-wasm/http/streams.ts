// SPDX-License-Identifier: Apache-2.0
// Connections that speak HTTP/2: their frames, and the requests that are underway on each. Of frames the
// heads are read, and of those with fields all of it; bodies are counted by their lengths.
//
// Where a block of fields is cut, what it says before that stands, and its side's table is forgotten
// (hpack.ts). Where a frame's head was not seen, nothing is known of its direction until bytes begin as only
// a frame of a stream that is underway, the next request or a word between the two peers does. A request or
// an answer that cannot be shows that something before it was a part of a body: of all that is underway then
// nothing is told. A request has a traceparent only where all of its block is known.
import { at, seen, skip, total } from "../connection/cursor";
import { Stash } from "../connection/stash";
import { hours } from "../duration";
import { Event } from "../event";
import { StateTable, UNKEPT } from "../state/table";
import { mix } from "../string-set";
import {
  CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_HEAD, hasBlock, hasFlag, HEADERS, isLikely, isOfClient, lengthOf, paddingOf,
  prefixOf, PUSH_PROMISE, RST_STREAM, streamOf, typeOf,
} from "./frame";
import { ofHttp, ofReset } from "./grpc";
import { CONNECT, POST } from "./head";
import {
  forget, grpc, grpcStatus, hasTrace, Hpack, isComplete, method, NONE, path, pathSize, status, TABLE, trace, TRACES,
} from "./hpack";
import { GRPC, GRPC_STATUS, IS_CUT, METHOD, PATH, PATH_SIZE, REQUEST, STATUS, TIME } from "./request";
import { NO_CALL, Told } from "./told";
import { TRACE } from "./traceparent";

/** The direction of requests. */
export const IN: u32 = 0;
/** The direction of answers. */
export const OUT: u32 = 1;

/** A direction: bytes from its begin. */
const IS_LOST: usize = 0; // u8: where its frames begin is not known
const GOT: usize = 1; // u8: bytes of a frame's head that are there
const HEAD: usize = 2; // u8[9]
const BLOCK: usize = 11; // u8: a block of fields is underway
const LEFT: usize = 12; // u32: bytes of the frame that are to come
const FIRST: usize = 16; // u8[9]: the head of the block's first frame
const FRAGMENT: usize = 28; // u32: bytes of the block before this frame's
const ERROR: usize = 32; // u32: of the RST_STREAM underway
const BEGUN: usize = 40; // u64: when the frame or block underway began
const FIELDS: usize = 48; // its table
const DIRECTION: usize = FIELDS + TABLE;

/** Of a block: there is none, it is whole until now, it is cut. */
const NO_BLOCK: u8 = 0;
const WHOLE: u8 = 1;
const CUT: u8 = 2;

/** A connection. */
const LAST: usize = 2 * DIRECTION; // u32: the newest request's stream
const OPEN: usize = LAST + 4; // u32: how many are underway
const WRITTEN: usize = LAST + 8; // u64: when a part of an answer was moved last
const HAS_CUT: usize = LAST + 16; // u8: one of the answers underway is cut
const STREAMS: usize = LAST + 24; // u32[]: those underway, the oldest first
const OPEN_MAX: u32 = 128;
const KEPT: usize = STREAMS + 4 * <usize>OPEN_MAX; // its client's traceparents, where those are read

/** More fields than that in one call are not looked at. */
const BLOCK_MAX: u32 = 16384;
/** How far the stream of a request may be from the last one that was seen. */
const STEP_MAX: u32 = 2048;

/** "SM" and an empty line: what the preface has behind what looks like a head of HTTP/1. */
export const PREFACE_REST: u32 = 6;

// @ts-ignore: decorator
@lazy const block: usize = memory.data(16384);
let blockSize: u32 = 0;

/** Of one side. */
export class Streams {
  /** Requests of which nothing is told. */
  unsynced: f64 = 0;
  private readonly isClient: bool;
  private readonly told: Told;
  private readonly connections: StateTable;
  /** Requests underway, and blocks of which a part is there, of all versions of HTTP. */
  private readonly waiting: StateTable;
  private readonly begins: Stash;
  /** Of requests that wait and have a traceparent: that. */
  private readonly traces: StateTable;
  private readonly readsTraces: bool;
  /** Bytes of a connection. */
  private readonly size: usize;
  private readonly hpack: Hpack = new Hpack();
  private key: u64 = 0;
  private now: u64 = 0;
  private from: u64 = 0;
  private event: Event = changetype<Event>(0);

  constructor(
    isClient: bool, connections: u32, told: Told, waiting: StateTable, begins: Stash, traces: StateTable, readsTraces: bool,
  ) {
    this.isClient = isClient;
    this.told = told;
    this.waiting = waiting;
    this.begins = begins;
    this.traces = traces;
    this.readsTraces = readsTraces;
    const size = readsTraces ? KEPT + TRACES : KEPT;
    this.size = size;
    this.connections = new StateTable(UNKEPT, connections, size, hours(2));
  }

  /** Both sides begin. */
  start(key: u64, now: u64): void {
    memory.fill(this.connections.take(key, now), 0, this.size);
  }

  /** The client's preface goes on, as if that were the end of a frame. */
  startPreface(key: u64, now: u64): void {
    const w = this.connections.take(key, now) + IN * DIRECTION;
    memory.fill(w + HEAD, 0xff, FRAME_HEAD);
    store<u8>(w, <u8>FRAME_HEAD, GOT);
    store<u32>(w, PREFACE_REST, LEFT);
  }

  /**
   * The request that asked for HTTP/2 is its first stream, and is answered there. `trace`: where its
   * traceparent is, or 0.
   */
  upgrade(key: u64, request: usize, trace: usize, e: Event): void {
    this.start(key, e.time);
    this.begin(key, e);
    const c = this.connections.take(key, e.time);
    store<u32>(c, 1, LAST);
    memory.copy(block, request, REQUEST); // they may have to make room
    if (trace != 0) memory.copy(block + REQUEST, trace, TRACE);
    const entry = this.open(c, 1);
    memory.copy(entry, block, REQUEST);
    if (this.readsTraces) this.keepTrace(1, trace == 0 ? 0 : block + REQUEST);
    store<u8>(entry, 0, GRPC);
    store<u8>(entry, <u8>NONE, GRPC_STATUS);
  }

  /** A connection that was there before us is known from now on if bytes begin with a request. Whether so. */
  join(key: u64, e: Event): bool {
    let head = at, there = seen;
    while (there >= FRAME_HEAD && typeOf(head) != HEADERS && isLikely(head, false, false)) {
      const size = min(there, FRAME_HEAD + lengthOf(head));
      head += size;
      there -= size;
    }
    if (there <= FRAME_HEAD || typeOf(head) != HEADERS || !isLikely(head, false, isOfClient(streamOf(head)))) return false;
    const size = lengthOf(head), from = head + FRAME_HEAD, around = prefixOf(head) + paddingOf(head, load<u8>(from));
    if (size > there - FRAME_HEAD || size <= around) return false;
    this.start(key, e.time);
    const c = this.connections.take(key, e.time);
    const isRead = this.hpack.read(c + FIELDS, from + prefixOf(head), size - around, e.time, this.keptOf(c, IN));
    const isRequest = isRead && method != NONE;
    if (isRequest) this.forgetAll(c);
    else this.connections.drop(key);
    return isRequest;
  }

  /** Consumes what was moved in a direction. `from`: when the client or the server says that it began. */
  move(key: u64, way: u32, from: u64, e: Event): void {
    this.begin(key, e);
    this.from = from;
    const isKnown = this.connections.find(key, e.time) != 0 || (way == IN && this.join(key, e));
    if (!isKnown) return skip(total); // where there was no room for it any more, it begins anew with a request
    const c = this.connections.take(key, e.time), w = c + way * DIRECTION, wasLost = load<u8>(w, IS_LOST) != 0;
    if (!wasLost || this.isFound(c, way)) {
      store<u8>(w, 0, IS_LOST);
      if (load<u8>(w, BLOCK) != NO_BLOCK) this.fetch(w, way);
      while (total > 0) {
        if (load<u8>(w, GOT) < FRAME_HEAD) this.head(c, w, way);
        else this.payload(c, w, way);
      }
      if (load<u8>(w, BLOCK) != NO_BLOCK) this.keep(w, way);
      if (wasLost && way == OUT && load<u8>(w, IS_LOST) == 0) this.settle(c);
    }
    skip(total);
    if (way == OUT) store<u64>(c, this.now, WRITTEN);
  }

  /** Events are lost, or nobody knows how many bytes were moved. */
  lose(key: u64, now: u64): void {
    this.key = key;
    this.now = now;
    const c = this.connections.find(key, now);
    if (c == 0) return;
    this.unsynced += <f64>load<u32>(c, OPEN);
    this.dropAll(c);
    this.forgetAll(c);
  }

  /** No more answers come. Of those that are cut, this is the end. */
  close(key: u64, e: Event): void {
    this.begin(key, e);
    const c = this.connections.find(key, e.time);
    if (c == 0) return;
    this.settle(c);
    // Of the others some may have been answered where nobody saw it.
    for (let i: u32 = 0, n = load<u32>(c, OPEN); i < n; i++) {
      const entry = this.waiting.find(this.nameOf(streamAt(c, i)), this.now);
      if (entry != 0 && load<u8>(entry, IS_CUT) != 0) this.unsynced++;
    }
    this.dropAll(c);
  }

  private begin(key: u64, e: Event): void {
    this.key = key;
    this.now = e.time;
    this.event = e;
  }

  private forgetAll(c: usize): void {
    this.forgetWay(c + IN * DIRECTION);
    this.forgetWay(c + OUT * DIRECTION);
  }

  private forgetWay(w: usize): void {
    store<u8>(w, 1, IS_LOST);
    store<u8>(w, 0, GOT);
    store<u8>(w, NO_BLOCK, BLOCK);
    forget(w + FIELDS);
  }

  /** Where the next frame begins was not seen, or what is there is none. */
  private loseWay(c: usize, w: usize, way: u32): void {
    this.forgetWay(w);
    skip(total);
    if (way == IN) return;
    this.settle(c);
    for (let i: u32 = 0, n = load<u32>(c, OPEN); i < n; i++) {
      const entry = this.waiting.find(this.nameOf(streamAt(c, i)), this.now);
      if (entry == 0) continue;
      store<u8>(entry, 1, IS_CUT);
      store<u8>(c, 1, HAS_CUT);
    }
  }

  /** Whether all heads that are seen can be frames of this connection. */
  private isFound(c: usize, way: u32): bool {
    const last = load<u32>(c, LAST);
    let from = at, there = seen, bytes = total, newest = last;
    if (there < FRAME_HEAD) return false;
    while (there >= FRAME_HEAD) {
      const stream = streamOf(from), size = FRAME_HEAD + lengthOf(from), isAfter = way == IN && isOfClient(stream) && stream > last;
      const isOpen = this.has(c, stream) || (isAfter && stream <= newest);
      const isNext = isAfter && stream > newest && (newest == 0 || stream - newest <= STEP_MAX);
      if (!isLikely(from, isOpen, isNext)) return false;
      if (size > bytes) return typeOf(from) == DATA; // the rest of all others comes with them
      if (isNext && typeOf(from) == HEADERS) newest = stream;
      from += size;
      there -= min(size, there);
      bytes -= size;
    }
    return true;
  }

  /** Takes bytes of a frame's head. */
  private head(c: usize, w: usize, way: u32): void {
    const got: u32 = load<u8>(w, GOT), more = min(FRAME_HEAD - got, seen);
    if (got == 0 && load<u8>(w, BLOCK) == NO_BLOCK) store<u64>(w, this.from, BEGUN);
    memory.copy(w + HEAD + got, at, more);
    skip(more);
    store<u8>(w, <u8>(got + more), GOT);
    if (got + more < FRAME_HEAD) {
      if (total > 0) this.loseWay(c, w, way);
      return;
    }
    const head = w + HEAD, type = typeOf(head), isMore = type == CONTINUATION;
    // Nothing stands between the frames of a block.
    if ((load<u8>(w, BLOCK) != NO_BLOCK) != isMore || (isMore && streamOf(head) != streamOf(w + FIRST))) return this.loseWay(c, w, way);
    if (hasBlock(type)) {
      if (!isMore) {
        store<u8>(w, WHOLE, BLOCK);
        memory.copy(w + FIRST, head, FRAME_HEAD);
        blockSize = 0;
      }
      store<u32>(w, blockSize, FRAGMENT);
    }
    store<u32>(w, 0, ERROR);
    store<u32>(w, lengthOf(head), LEFT);
    if (way == OUT && load<u8>(c, HAS_CUT) != 0 && (type == DATA || type == HEADERS)) this.goOn(c, streamOf(head));
    if (load<u32>(w, LEFT) == 0) this.finishFrame(c, w, way);
  }

  /** Consumes bytes of a frame. */
  private payload(c: usize, w: usize, way: u32): void {
    const left = load<u32>(w, LEFT), more = <u32>min<u64>(left, total), there = min(more, seen), type = typeOf(w + HEAD);
    if (hasBlock(type)) {
      const room = min(there, BLOCK_MAX - blockSize);
      if (load<u8>(w, BLOCK) == WHOLE) {
        memory.copy(block + blockSize, at, room);
        blockSize += room;
      }
      if (room < more) store<u8>(w, CUT, BLOCK);
    } else if (type == RST_STREAM) for (let i: u32 = 0; i < there; i++) store<u32>(w, load<u32>(w, ERROR) << 8 | load<u8>(at + i), ERROR);
    skip(more);
    store<u32>(w, left - more, LEFT);
    if (left == more) this.finishFrame(c, w, way);
  }

  private finishFrame(c: usize, w: usize, way: u32): void {
    const head = w + HEAD, type = typeOf(head), stream = streamOf(head);
    store<u8>(w, 0, GOT);
    if (type == DATA && way == OUT && hasFlag(head, END_STREAM)) this.finish(c, stream);
    else if (type == RST_STREAM) this.reset(c, stream, way, load<u32>(w, ERROR));
    else if (hasBlock(type)) {
      if (type != CONTINUATION) this.strip(w);
      if (hasFlag(head, END_HEADERS)) this.finishBlock(c, w, way);
    }
  }

  /** Takes away what the first frame of a block has around its fields. */
  private strip(w: usize): void {
    const head = w + HEAD, prefix = prefixOf(head), around = prefix + paddingOf(head, load<u8>(block));
    if (blockSize < prefix || lengthOf(head) < around) {
      store<u8>(w, CUT, BLOCK);
      blockSize = 0;
      return;
    }
    blockSize = min(blockSize - prefix, lengthOf(head) - around);
    memory.copy(block, block + prefix, blockSize);
  }

  private finishBlock(c: usize, w: usize, way: u32): void {
    const isRead = this.hpack.read(w + FIELDS, block, blockSize, this.now, this.keptOf(c, way)), isCut = load<u8>(w, BLOCK) == CUT;
    if (!isRead || isCut) forget(w + FIELDS);
    store<u8>(w, NO_BLOCK, BLOCK);
    const first = w + FIRST, stream = streamOf(first);
    if (typeOf(first) == PUSH_PROMISE || !isOfClient(stream)) return;
    if (way == IN) this.request(c, w, stream, isComplete && !isCut);
    else this.answer(c, w, stream, isComplete && !isCut);
  }

  /** Fields of a client: a request, or what follows its body. */
  private request(c: usize, w: usize, stream: u32, isAll: bool): void {
    if (method == NONE) return; // its answer counts
    const isAgain = stream <= load<u32>(c, LAST);
    store<u32>(c, stream, LAST);
    if (isAgain) return this.doubtAll(c, w, IN); // no request has an older stream than one before it
    const entry = this.open(c, stream);
    memory.fill(entry, 0, REQUEST);
    store<u64>(entry, load<u64>(w, BEGUN), TIME);
    store<u8>(entry, <u8>method, METHOD);
    store<u8>(entry, <u8>pathSize, PATH_SIZE);
    memory.copy(entry + PATH, path, pathSize);
    store<u8>(entry, <u8>(method != POST || (grpc == NONE && isAll) ? 0 : grpc), GRPC);
    store<u8>(entry, <u8>NONE, GRPC_STATUS);
    if (this.readsTraces) this.keepTrace(stream, isAll && hasTrace() ? trace : 0);
  }

  /** What had this place before is over. `from`: where its traceparent is, 0: it has none. */
  private keepTrace(stream: u32, from: usize): void {
    const name = this.nameOf(stream);
    if (from != 0) memory.copy(this.traces.take(name, this.now), from, TRACE);
    else this.traces.drop(name);
  }

  /** Where the traceparents of a direction are; 0: they are not read. */
  private keptOf(c: usize, way: u32): usize {
    return this.readsTraces && way == IN ? c + KEPT : 0;
  }

  /** Fields of a server: an answer's begin, or what follows its body. */
  private answer(c: usize, w: usize, stream: u32, isAll: bool): void {
    const isEnd = hasFlag(w + FIRST, END_STREAM);
    const entry = this.has(c, stream) ? this.waiting.find(this.nameOf(stream), this.now) : 0;
    if (entry == 0) {
      if (status >= 200) this.unsynced++; // to a request that nobody saw
      return this.drop(c, stream);
    }
    if (status != 0 && status < 200 && !isEnd) return;
    const isBegin = load<u16>(entry, STATUS) == 0;
    if (isBegin && status == 0) return this.doubt(c, stream); // it is not known
    if (!isBegin && status != 0) return this.doubtAll(c, w, OUT);
    if (isBegin) {
      store<u16>(entry, <u16>status, STATUS);
      if (load<u8>(entry, GRPC) == NONE) store<u8>(entry, <u8>(grpc == NONE && isAll ? 0 : grpc), GRPC);
    }
    if (grpcStatus != NONE) store<u8>(entry, <u8>grpcStatus, GRPC_STATUS);
    else if (isEnd && !isAll && load<u8>(entry, GRPC) != 0) return this.doubt(c, stream);
    if (isEnd || (load<u8>(entry, METHOD) == CONNECT && status < 300 && isBegin)) this.finish(c, stream);
  }

  /** An answer has come to its end. */
  private finish(c: usize, stream: u32): void {
    if (!this.has(c, stream)) return;
    const entry = this.waiting.find(this.nameOf(stream), this.now);
    if (entry == 0 || load<u16>(entry, STATUS) == 0 || load<u8>(entry, GRPC) == NONE) return this.doubt(c, stream);
    const given: u32 = load<u8>(entry, GRPC_STATUS), http: u32 = load<u16>(entry, STATUS);
    this.tell(c, stream, entry, this.now, load<u8>(entry, GRPC) == 0 ? NO_CALL : given == NONE ? ofHttp(http) : given);
  }

  /** One of the two ends a stream. Where an answer had not begun, it has none. */
  private reset(c: usize, stream: u32, way: u32, error: u32): void {
    if (!this.has(c, stream)) return;
    const entry = this.waiting.find(this.nameOf(stream), this.now);
    if (entry == 0 || load<u8>(entry, GRPC) == NONE) return this.doubt(c, stream);
    if (load<u8>(entry, GRPC) != 0) return this.tell(c, stream, entry, this.now, ofReset(error, way == IN, this.isClient));
    if (load<u16>(entry, STATUS) == 0) return this.drop(c, stream);
    this.tell(c, stream, entry, this.now, NO_CALL);
  }

  private tell(c: usize, stream: u32, entry: usize, end: u64, call: u32): void {
    const trace = this.readsTraces ? this.traces.find(this.nameOf(stream), this.now) : 0;
    if (!this.told.add(entry, end, load<u16>(entry, STATUS), call, this.event, trace)) this.unsynced++;
    this.drop(c, stream);
  }

  /** What was taken for this request or its answer may be none. */
  private doubt(c: usize, stream: u32): void {
    if (!this.has(c, stream)) return;
    this.unsynced++;
    this.drop(c, stream);
  }

  /** Something was taken for fields of this direction that was none; anything since then may come of that. */
  private doubtAll(c: usize, w: usize, way: u32): void {
    this.unsynced += <f64>load<u32>(c, OPEN);
    this.dropAll(c);
    this.loseWay(c, w, way);
  }

  /** Of a cut answer more has come. */
  private goOn(c: usize, stream: u32): void {
    const entry = this.has(c, stream) ? this.waiting.find(this.nameOf(stream), this.now) : 0;
    if (entry != 0) store<u8>(entry, 0, IS_CUT);
  }

  /** Answers that are cut, and of which no more has come, had ended with the last write before. */
  private settle(c: usize): void {
    if (load<u8>(c, HAS_CUT) == 0) return;
    store<u8>(c, 0, HAS_CUT);
    for (let i: u32 = 0; i < load<u32>(c, OPEN); ) {
      const stream = streamAt(c, i), entry = this.waiting.find(this.nameOf(stream), this.now);
      if (entry == 0 || load<u8>(entry, IS_CUT) == 0 || load<u16>(entry, STATUS) == 0) i++;
      else if (load<u8>(entry, GRPC) != 0) this.doubt(c, stream); // its status was not seen
      else this.tell(c, stream, entry, load<u64>(c, WRITTEN), NO_CALL);
    }
  }

  /** A stream is underway. Where there are too many, the oldest is told of no more. */
  private open(c: usize, stream: u32): usize {
    if (load<u32>(c, OPEN) == OPEN_MAX) this.drop(c, streamAt(c, 0)); // its answer counts
    const count = load<u32>(c, OPEN);
    store<u32>(c + STREAMS + 4 * count, stream);
    store<u32>(c, count + 1, OPEN);
    return this.waiting.take(this.nameOf(stream), this.now);
  }

  private has(c: usize, stream: u32): bool {
    return this.placeOf(c, stream) < load<u32>(c, OPEN);
  }

  private placeOf(c: usize, stream: u32): u32 {
    const count = load<u32>(c, OPEN);
    let i: u32 = 0;
    while (i < count && streamAt(c, i) != stream) i++;
    return i;
  }

  /** A stream is over. */
  private drop(c: usize, stream: u32): void {
    const place = this.placeOf(c, stream), count = load<u32>(c, OPEN);
    if (place == count) return;
    memory.copy(c + STREAMS + 4 * place, c + STREAMS + 4 * (place + 1), 4 * (count - place - 1));
    store<u32>(c, count - 1, OPEN);
    this.waiting.drop(this.nameOf(stream));
    if (this.readsTraces) this.traces.drop(this.nameOf(stream));
  }

  private dropAll(c: usize): void {
    while (load<u32>(c, OPEN) > 0) this.drop(c, streamAt(c, load<u32>(c, OPEN) - 1));
  }

  /** By what its request is known. HTTP/1 has smaller numbers. */
  private nameOf(stream: u32): u64 {
    return mix(this.key, 1 << 32 | <u64>stream);
  }

  /** The begin of a block waits for the rest. */
  private keep(w: usize, way: u32): void {
    this.begins.start(mix(this.key, way), this.now);
    if (this.begins.add(block, blockSize) != blockSize) store<u8>(w, CUT, BLOCK);
  }

  private fetch(w: usize, way: u32): void {
    const isThere = this.begins.find(mix(this.key, way), this.now);
    blockSize = isThere ? this.begins.size : 0;
    if (isThere) memory.copy(block, this.begins.at, blockSize);
    else store<u8>(w, CUT, BLOCK);
  }
}

// @ts-ignore: decorator
@inline function streamAt(c: usize, i: u32): u32 { return load<u32>(c + STREAMS + 4 * <usize>i); }
