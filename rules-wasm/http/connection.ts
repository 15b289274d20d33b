// SPDX-License-Identifier: Apache-2.0
// HTTP as its servers or its clients see it. Here is HTTP/1.1: requests and responses, paired in their order
// (RFC 9112). A connection that begins with HTTP/2's preface, or is upgraded to it, goes on in streams.ts.
// A connection is its socket's inode. What was cut by `--snaplen`, lost, or was there before us makes a
// connection unsure: nothing is told of it until a final answer has begun and then bytes begin with a
// request. So of a client that sends its request whole and then waits for the answer, a name may be
// missing and is never another's. A client that sends the body after the answer to a head that was cut can
// have its own connection told wrong, and no other: nobody can say what is a body.
//
//   const HTTP = new HttpServer();
//   ... for (let i = 0, n = HTTP.saw(e); i < n; i++) DURATION.label(HTTP.method(i)) ... .record(HTTP.seconds(i));
import { at, begin, seen, skip, total } from "../connection/cursor";
import { isStream, socketOf, writerOf } from "../connection/key";
import { Protocol } from "../connection/protocol";
import { Stash } from "../connection/stash";
import { hours } from "../duration";
import { Event } from "../event";
import { StateTable, UNKEPT } from "../state/table";
import { Str } from "../str";
import { mix } from "../string-set";
import { batchLost } from "../wire/frame";
import { clear } from "../wire/memory";
import { beginChunks, beginLength, BODY_STATE, DONE, skipChunks, skipLength, UNSEEN } from "./body";
import { isSettings } from "./frame";
import { isError, STATUSES } from "./grpc";
import {
  bodyLength, CONNECT, HEAD, headEnd, isChunked, isDoubtful, isPreface, isRequest, isResponse, isUpgrade, methodOf, pathBegin,
  pathSize, PREFACE_HEAD, readFields, statusOf,
} from "./head";
import { METHOD, PATH, PATH_MAX, PATH_SIZE, REQUEST, TIME } from "./request";
import { IN, OUT, Streams } from "./streams";
import { NO_CALL, Told } from "./told";
import { keepTraceparent, readTraceparent, TRACE } from "./traceparent";

/** What is expected next in a direction. */
const START: u32 = 0;
const BODY: u32 = 1;
const CHUNKS: u32 = 2;
const UNTIL_CLOSE: u32 = 3;
const UNSURE: u32 = 4;
/** It speaks something else, from now on; or what is read is looked at no more. */
const OPAQUE: u32 = 5;
/** HTTP/2, from now on. */
const FRAMES: u32 = 6;

/** A connection: bytes from the entry's begin. `u8[2]` is for both directions. */
const MODE: usize = 0; // u8[2]
const SINCE: usize = 4; // u8: what was seen since its requests became unsure, bits
const PIPELINED: usize = 5; // u8: its client does not wait for answers
const STASHED: usize = 6; // u8[2]: the begin of a head waits for the rest
const FIRST: usize = 8; // u32: number of the request that is answered next
const NEXT: usize = 12; // u32: number of the next request
const WRITTEN: usize = 16; // u64: end of the last write
const STATUS: usize = 24; // u32: of the response that is underway, 0: none
const COUNTED: usize = 28; // u32: requests without an answer that are in `unsynced` already
const LOST: usize = 32; // u64: what its agent had lost
const BEGUN: usize = 40; // u64: when the head that waits began
const WRITER: usize = 48; // u64: process and descriptor of the last write
const IS_ALONE: usize = 56; // u8: the request that is answered next came when no other one waited
const BODIES: usize = 64; // [2]: where in the bodies underway
const CONNECTION: usize = BODIES + 2 * BODY_STATE;

/** A read began as a request does, of which nothing is told. */
const ASKED: u32 = 1;
/** The final answer to the last request has begun. */
const ANSWERED: u32 = 2;
/** So a request was told again, which has no answer yet. */
const RESUMED: u32 = 4;

/** Bytes of a begin of a head. */
const BEGIN_MAX: u32 = 1020;
/** One of so many connections may speak HTTP/2: that takes more memory. */
const FRAMES_SHARE: u32 = 32;
/** Where no traces are read. */
const TRACES_MIN: u32 = 8;
/** More are no pipeline. */
const WAITING_MAX: u32 = 64;

/** The head that was found last. */
let headAt: usize = 0;
let headSize: u32 = 0;
let isWhole: bool = false;

/** Connections of one side that a policy sees. */
abstract class Http extends Protocol {
  private readonly isClient: bool;
  private from: u64 = 0;
  private readonly connections: StateTable;
  private readonly waiting: StateTable;
  /** Of requests that wait and have a traceparent: that. Whether heads are looked through for it. */
  private readonly traces: StateTable;
  private readonly readsTraces: bool;
  private readonly begins: Stash;
  private readonly told: Told;
  private readonly streams: Streams;

  /** Connections and requests underway that are known at the same time; who is silent for longest goes. */
  constructor(isClient: bool, connections: u32, underway: u32, readsTraces: bool) {
    super();
    this.readsTraces = readsTraces;
    const traces = new StateTable(UNKEPT, readsTraces ? underway : TRACES_MIN, TRACE, hours(2));
    this.traces = traces;
    this.isClient = isClient;
    this.connections = new StateTable(UNKEPT, connections, CONNECTION, hours(2));
    const waiting = new StateTable(UNKEPT, underway, REQUEST, hours(2));
    const begins = new Stash(BEGIN_MAX);
    const told = new Told(isClient, readsTraces);
    this.waiting = waiting;
    this.begins = begins;
    this.told = told;
    this.streams = new Streams(isClient, max(8, connections / FRAMES_SHARE), told, waiting, begins, traces, readsTraces);
  }

  protected accepted(e: Event): void {
    if (!this.isClient) this.begun(e);
  }

  protected connected(e: Event): void {
    if (this.isClient) this.begun(e);
  }

  protected received(e: Event, data: Str): i32 {
    return this.isClient ? this.answers(e, data.address, data.size) : this.requests(e, data.address, data.size);
  }

  protected sent(e: Event, data: Str): i32 {
    return this.isClient ? this.requests(e, data.address, data.size) : this.answers(e, data.address, data.size);
  }

  protected sentUnseen(e: Event): i32 {
    return this.isClient ? this.requests(e, 0, 0) : this.answers(e, 0, 0);
  }

  protected messages(e: Event): i32 {
    this.told.begin();
    const key = socketOf(e), c = e.res > 0 && this.isOurs(e) ? this.connections.find(key, e.time) : 0;
    if (c != 0) this.lose(c, key, e);
    return this.finished();
  }

  /** To a client the server has said all. */
  protected heardAll(e: Event): i32 {
    return this.isClient ? this.end(e, false) : 0;
  }

  /** A client that writes no more may still read. */
  protected ended(e: Event): i32 {
    return this.isClient ? 0 : this.end(e, false);
  }

  /** Only where this descriptor moved the answer's bytes last is nothing more moved. */
  protected closed(e: Event): i32 {
    return this.end(e, true);
  }

  private end(e: Event, isOfWriter: bool): i32 {
    if (!isStream(e.fd)) return 0;
    this.told.begin();
    const key = socketOf(e), c = this.connections.find(key, e.time);
    if (c == 0 || (isOfWriter && load<u64>(c, WRITER) != writerOf(e))) return 0;
    if (modeOf(c, OUT) == FRAMES) this.streams.close(key, e);
    else this.endOpen(c, key, e);
    return this.finished();
  }

  /** How many requests the event has finished. */
  private finished(): i32 {
    this.unsynced += this.streams.unsynced;
    this.streams.unsynced = 0;
    return this.told.count;
  }

  labels(e: Event, i: i32): u64 {
    return this.told.labels(e, i);
  }

  /** As OpenTelemetry has it. Of a request that is finished, by its number in the answer. */
  method(i: i32): string {
    return this.told.method(i);
  }

  status(i: i32): u32 {
    return this.told.status(i);
  }

  /** The path's template; empty where there is none. It stands until another one is asked for. */
  route(i: i32): Str {
    return this.told.route(i);
  }

  /** When it began, ns since the epoch. */
  start(i: i32): u64 {
    return this.told.start(i);
  }

  /** Of its traceparent: trace (two numbers), span, flags, by place. All 0: its head has none that reads. */
  trace(i: i32, place: i32): u64 {
    return this.told.trace(i, place);
  }

  /** Whether it is a call of gRPC. */
  isCall(i: i32): bool {
    return this.told.call(i) != NO_CALL;
  }

  /** Of a call: `shop.Orders/Place`; empty where it is not known. It stands until another is asked for. */
  callMethod(i: i32): Str {
    return this.told.route(i, 1);
  }

  /** Of a call, by its name: `NOT_FOUND`. */
  callStatus(i: i32): string {
    return STATUSES[this.told.call(i)];
  }

  /** Whether a call's status is an error to this side, as OpenTelemetry has it. */
  isCallError(i: i32): bool {
    return isError(this.told.call(i), this.isClient);
  }

  /**
   * From the return of the server's read with its first byte to that of the write with its answer's last;
   * from the begin of the client's write to the return of its read.
   */
  seconds(i: i32): f64 {
    return this.told.seconds(i);
  }

  /** A connection has begun: whatever had its inode before is over. */
  private begun(e: Event): void {
    const c = this.connections.take(socketOf(e), e.time);
    memory.fill(c, 0, CONNECTION);
    store<u64>(c, batchLost(), LOST);
  }

  private isOurs(e: Event): bool {
    return e.fd.is_server != this.isClient && isStream(e.fd);
  }

  /** Where this is the other side of the socket, nothing of it will ever be ours. */
  private isToUs(e: Event): bool {
    const isIt = this.isOurs(e);
    if (!isIt && this.isOnStream(e)) this.leave(e);
    return isIt;
  }

  private requests(e: Event, address: usize, size: u32): i32 {
    this.told.begin();
    if (e.res <= 0 || !this.isToUs(e)) return 0;
    const key = socketOf(e), c = this.of(key, e);
    if (isOpaque(c)) {
      this.leave(e);
      return 0;
    }
    begin(address, size, e.res);
    this.from = this.isClient ? e.time - e.latency : e.time;
    if (modeOf(c, IN) != OPAQUE) this.read(c, key, e);
    return this.finished();
  }

  /** One that is not known yet was there before us. */
  private of(key: u64, e: Event): usize {
    const c = this.connections.take(key, e.time);
    if (this.connections.isNew) {
      setMode(c, IN, UNSURE);
      setMode(c, OUT, UNSURE);
    } else if (load<u64>(c, LOST) != batchLost()) this.lose(c, key, e);
    store<u64>(c, batchLost(), LOST);
    return c;
  }

  private read(c: usize, key: u64, e: Event): void {
    for (let isFirst = true; total > 0; isFirst = false) {
      switch (modeOf(c, IN)) {
        case BODY:
          if (skipLength(bodyOf(c, IN))) setMode(c, IN, START);
          break;
        case CHUNKS:
          if (chunks(c, IN)) setMode(c, IN, START);
          break;
        case FRAMES:
          this.streams.move(key, IN, this.from, e);
          break;
        case UNSURE:
          if (!isFirst) return;
          if (load<u32>(c, NEXT) == 0 && this.join(c, key, e)) break;
          if (!isRequest(at, seen)) return;
          if (!isSince(c, ANSWERED)) return this.ask(c);
          setMode(c, IN, START);
          store<u8>(c, <u8>RESUMED, SINCE);
          store<u32>(c, 0, COUNTED);
          break;
        case START:
          if (load<u8>(c + STASHED + IN) == 0) {
            while (seen > 0 && (load<u8>(at) == 0x0d || load<u8>(at) == 0x0a)) skip(1); // empty lines before a request
            if (total == 0) return;
            if (!isFirst) store<u8>(c, 1, PIPELINED);
            if (seen == 0) {
              this.unsynced++;
              beUnsure(c, IN);
              return;
            }
            store<u64>(c, this.from, BEGUN);
          }
          if (!this.head(c, key, IN, e)) break;
          if (isPreface(headAt, headSize)) this.preface(c, key, e);
          else this.request(c, key, e);
          break;
        default:
          return;
      }
    }
  }

  /** One that was there before us, or whose begin is lost, goes on in HTTP/2 if bytes show it. Whether so. */
  private join(c: usize, key: u64, e: Event): bool {
    if (isPreface(at, min(seen, PREFACE_HEAD))) {
      setMode(c, IN, START);
      setMode(c, OUT, START);
      return true;
    }
    if (!this.streams.join(key, e)) return false;
    beFrames(c);
    return true;
  }

  /** A request may begin, or a body that looks like one. What follows CONNECT is not for this server. */
  private ask(c: usize): void {
    this.unsynced++;
    store<u32>(c, load<u32>(c, COUNTED) + 1, COUNTED);
    since(c, ASKED);
    if (methodOf(at, seen) == CONNECT) beOpaque(c);
  }

  /** A client begins to speak HTTP/2, perhaps after the server. */
  private preface(c: usize, key: u64, e: Event): void {
    const isBegun = modeOf(c, OUT) == FRAMES;
    if (!isBegun && load<u32>(c, NEXT) != 0) return beOpaque(c);
    if (!isBegun) this.streams.start(key, e.time);
    this.streams.startPreface(key, e.time);
    beFrames(c);
  }

  /** A request begins. */
  private request(c: usize, key: u64, e: Event): void {
    if (modeOf(c, OUT) == FRAMES) return beOpaque(c);
    this.endOpen(c, key, e);
    if (modeOf(c, OUT) == UNSURE) setMode(c, OUT, START);
    const number = load<u32>(c, NEXT), from = headAt, size = headSize;
    if (number != load<u32>(c, FIRST)) store<u8>(c, 1, PIPELINED);
    // Two at once: one of them was a body that came after its answer.
    const isBody = isSince(c, RESUMED) && number != load<u32>(c, FIRST);
    if (isBody || number - load<u32>(c, FIRST) >= WAITING_MAX) {
      this.unsynced++;
      return this.lose(c, key, e);
    }
    const is = isRequest(from, size), method = is ? methodOf(from, size) : 0;
    if (number == load<u32>(c, FIRST)) store<u8>(c, 1, IS_ALONE);
    const entry = this.waiting.take(requestOf(c, key, number), e.time);
    clear(entry, PATH); // the path says its size
    store<u64>(entry, load<u64>(c, BEGUN), TIME);
    store<u8>(entry, method, METHOD);
    store<u32>(c, number + 1, NEXT);
    if (is) {
      const path = pathBegin(from, size), bytes = pathSize(from, size, path);
      if (bytes > 0 && <u32>bytes <= PATH_MAX) {
        memory.copy(entry + PATH, from + path, bytes);
        store<u8>(entry, <u8>bytes, PATH_SIZE);
      }
    }
    if (is && this.readsTraces) this.keepTrace(requestOf(c, key, number), from, size, e);
    if (!is || !isWhole) return beUnsure(c, IN);
    readFields(from, size);
    if (isDoubtful) beUnsure(c, IN);
    else if (isChunked) startChunks(c, IN);
    else if (bodyLength > 0) startLength(c, IN);
  }

  /** What had this place before is over. */
  private keepTrace(request: u64, head: usize, size: u32, e: Event): void {
    if (readTraceparent(head, size)) keepTraceparent(this.traces.take(request, e.time));
    else this.traces.drop(request);
  }

  private answers(e: Event, address: usize, size: u32): i32 {
    this.told.begin();
    if (e.res <= 0 || !this.isToUs(e)) return 0;
    const key = socketOf(e), c = this.of(key, e);
    if (isOpaque(c)) {
      this.leave(e);
      return 0;
    }
    begin(address, size, e.res);
    // The request that this answers may be one that nobody saw.
    const isKnown = load<u32>(c, FIRST) != load<u32>(c, NEXT);
    if (!isKnown && modeOf(c, IN) >= UNSURE && modeOf(c, OUT) < OPAQUE) {
      setMode(c, OUT, UNSURE);
      store<u8>(c + STASHED + OUT, 0);
      this.resume(c);
    }
    while (total > 0) {
      switch (modeOf(c, OUT)) {
        case BODY:
          if (skipLength(bodyOf(c, OUT))) this.finish(c, key, e.time, e);
          break;
        case CHUNKS:
          if (chunks(c, OUT)) this.finish(c, key, e.time, e);
          else if (modeOf(c, OUT) == UNSURE) this.leaveOpen(c, key, e);
          break;
        case FRAMES:
          this.streams.move(key, OUT, e.time, e);
          break;
        case START:
          if (load<u8>(c + STASHED + OUT) == 0 && (seen == 0 || load<u8>(at) != 0x48)) this.other(c, key, e);
          else if (this.head(c, key, OUT, e)) this.response(c, key, e);
          break;
        default:
          skip(total);
      }
    }
    if (!isSince(c, ASKED)) store<u64>(c, e.time, WRITTEN); // else this may be another answer
    store<u64>(c, writerOf(e), WRITER);
    return this.finished();
  }

  /** Where a write of an unsure connection begins with a final answer, the next request can be told again. */
  private resume(c: usize): void {
    while (isResponse(at, seen) && statusOf(at) < 200 && statusOf(at) != 101) {
      const size = headEnd(at, seen);
      if (size == 0) return;
      skip(size);
    }
    if (!isResponse(at, seen)) return;
    if (statusOf(at) == 101) return beOpaque(c);
    const counted = load<u32>(c, COUNTED);
    if (counted == 0) this.unsynced++;
    else store<u32>(c, counted - 1, COUNTED);
    if (modeOf(c, IN) == UNSURE) since(c, ANSWERED);
  }

  /** A response begins. */
  private response(c: usize, key: u64, e: Event): void {
    if (!isResponse(headAt, headSize)) return this.beOther(c, key, e);
    const status = statusOf(headAt), first = load<u32>(c, FIRST);
    const entry = first == load<u32>(c, NEXT) ? 0 : this.waiting.find(requestOf(c, key, first), e.time);
    if (entry == 0) {
      if (first == load<u32>(c, NEXT)) this.unsynced++; // of a request that nobody saw
      return this.lose(c, key, e);
    }
    if (status < 200 && status != 101) {
      if (!isWhole) this.lose(c, key, e);
      return;
    }
    if (status == 101 && isWhole && isUpgrade(headAt, headSize)) return this.upgrade(c, key, first, entry, e);
    store<u32>(c, status, STATUS);
    if (first + 1 == load<u32>(c, NEXT)) store<u8>(c, <u8>ANSWERED, SINCE);
    const method: u32 = load<u8>(entry, METHOD);
    if (status == 101 || (method == CONNECT && status < 300)) {
      this.finish(c, key, e.time, e);
      return beOpaque(c);
    }
    if (method == HEAD || status == 204 || status == 304) {
      if (isWhole) this.finish(c, key, e.time, e);
      else this.leaveOpen(c, key, e);
      return;
    }
    if (!isWhole) return this.leaveOpen(c, key, e);
    readFields(headAt, headSize);
    if (isDoubtful) this.leaveOpen(c, key, e);
    else if (isChunked) startChunks(c, OUT);
    else if (bodyLength == 0) this.finish(c, key, e.time, e);
    else if (bodyLength > 0) startLength(c, OUT);
    else setMode(c, OUT, UNTIL_CLOSE);
  }

  /** Where this answer ends is not known; so nor where those begin that are to come after it. */
  private leaveOpen(c: usize, key: u64, e: Event): void {
    if (load<u32>(c, NEXT) - load<u32>(c, FIRST) > 1) this.lose(c, key, e);
    else setMode(c, OUT, UNSURE);
  }

  /** A response of which the end was not known has ended. */
  private endOpen(c: usize, key: u64, e: Event): void {
    const mode = modeOf(c, OUT);
    if (load<u32>(c, STATUS) != 0 && (mode == UNTIL_CLOSE || mode == UNSURE)) this.finish(c, key, load<u64>(c, WRITTEN), e);
  }

  /** The oldest request is answered. */
  private finish(c: usize, key: u64, end: u64, e: Event): void {
    const first = load<u32>(c, FIRST), status = load<u32>(c, STATUS), request = requestOf(c, key, first);
    moveOn(c, first + 1);
    store<u32>(c, 0, STATUS);
    setMode(c, OUT, START);
    const entry = this.waiting.find(request, end);
    const trace = this.readsTraces ? this.traces.find(request, end) : 0;
    if (entry == 0 || !this.told.add(entry, end, status, NO_CALL, e, trace)) {
      this.unsynced++;
      return;
    }
    this.waiting.drop(request);
    if (trace != 0) this.traces.drop(request);
  }

  /** The server goes on in HTTP/2, with its answer to the request. The client does when it has read that. */
  private upgrade(c: usize, key: u64, request: u32, entry: usize, e: Event): void {
    if (request + 1 != load<u32>(c, NEXT)) return this.beOther(c, key, e); // nobody asks for more before
    const name = requestOf(c, key, request), trace = this.readsTraces ? this.traces.find(name, e.time) : 0;
    this.streams.upgrade(key, entry, trace, e);
    this.waiting.drop(name);
    if (trace != 0) this.traces.drop(name);
    moveOn(c, request + 1);
    setMode(c, OUT, FRAMES);
    if (modeOf(c, IN) == UNSURE) setMode(c, IN, START);
  }

  /** What a server says first may be HTTP/2, before its client's preface is read. */
  private other(c: usize, key: u64, e: Event): void {
    if (load<u32>(c, NEXT) != 0 || modeOf(c, IN) != START || !isSettings(at, seen)) return this.beOther(c, key, e);
    this.streams.start(key, e.time);
    setMode(c, OUT, FRAMES);
  }

  /** What a server says first shows whether it speaks HTTP. */
  private beOther(c: usize, key: u64, e: Event): void {
    if (load<u32>(c, FIRST) != 0) return this.lose(c, key, e);
    beOpaque(c);
  }

  /** It cannot be followed any more. What waits for an answer is told of no more. */
  private lose(c: usize, key: u64, e: Event): void {
    if (modeOf(c, OUT) == OPAQUE) return;
    if (modeOf(c, OUT) == FRAMES) return this.loseFrames(c, key, e);
    const first = load<u32>(c, FIRST), next = load<u32>(c, NEXT);
    this.unsynced += <f64>(next - first);
    store<u32>(c, next - first, COUNTED);
    moveOn(c, next);
    store<u32>(c, 0, STATUS);
    store<u16>(c, 0, STASHED);
    if (modeOf(c, IN) != OPAQUE) beUnsure(c, IN);
    setMode(c, OUT, UNSURE);
  }

  /** Where the client's preface is to come, what is lost may be that. */
  private loseFrames(c: usize, key: u64, e: Event): void {
    this.streams.lose(key, e.time);
    beFrames(c);
  }

  /** Takes a head from what was given and what waits. False: the rest is to come. */
  private head(c: usize, key: u64, way: u32, e: Event): bool {
    const name = mix(key, way), waits = load<u8>(c + STASHED + way) != 0;
    if (!waits) {
      headAt = at;
      headSize = headEnd(at, seen);
      isWhole = headSize != 0;
      if (isWhole) skip(headSize);
      else {
        headSize = seen;
        if (seen == total && seen <= BEGIN_MAX) {
          this.begins.start(name, e.time);
          this.begins.add(at, seen);
          store<u8>(c + STASHED + way, 1);
          skip(total);
          return false;
        }
        skip(total);
      }
      return true;
    }
    if (!this.begins.find(name, e.time)) {
      this.lose(c, key, e);
      return false;
    }
    const size = this.begins.size, more = this.begins.add(at, seen);
    headAt = this.begins.at;
    headSize = headEnd(headAt, size + more);
    isWhole = headSize != 0;
    if (isWhole) skip(headSize - size);
    else {
      headSize = size + more;
      const isCut = more < total;
      skip(total);
      if (!isCut) return false;
    }
    store<u8>(c + STASHED + way, 0);
    return true;
  }
}

/** Servers. One is made at the top of a file. */
export class HttpServer extends Http {
  /** `readsTraces`: heads are looked through for traceparent (trace()), which costs time. */
  constructor(connections: u32 = 4096, underway: u32 = 4096, readsTraces: bool = false) {
    super(false, connections, underway, readsTraces);
  }
}

/** Clients. One is made at the top of a file. */
export class HttpClient extends Http {
  /** `readsTraces`: heads are looked through for traceparent (trace()), which costs time. */
  constructor(connections: u32 = 4096, underway: u32 = 4096, readsTraces: bool = false) {
    super(true, connections, underway, readsTraces);
  }
}

// @ts-ignore: decorator
@inline function modeOf(c: usize, way: u32): u32 { return load<u8>(c + MODE + way); }
// @ts-ignore: decorator
@inline function setMode(c: usize, way: u32, mode: u32): void { store<u8>(c + MODE + way, mode); }

/**
 * By what a request that waits is known. One that is alone has the same place each time: most are, and the
 * places of all their numbers would be all of the table.
 */
// @ts-ignore: decorator
@inline function requestOf(c: usize, key: u64, number: u32): u64 {
  return mix(key, load<u8>(c, IS_ALONE) != 0 && number == load<u32>(c, FIRST) ? u64.MAX_VALUE : <u64>number);
}

/** The request of this number is answered next. */
// @ts-ignore: decorator
@inline function moveOn(c: usize, number: u32): void {
  store<u32>(c, number, FIRST);
  store<u8>(c, 0, IS_ALONE);
}

// @ts-ignore: decorator
@inline function isSince(c: usize, what: u32): bool { return (load<u8>(c, SINCE) & what) != 0; }
// @ts-ignore: decorator
@inline function since(c: usize, what: u32): void { store<u8>(c, <u8>(load<u8>(c, SINCE) | what), SINCE); }

/** It speaks HTTP/2 from now on. */
function beFrames(c: usize): void {
  setMode(c, IN, FRAMES);
  setMode(c, OUT, FRAMES);
  store<u16>(c, 0, STASHED);
}

// @ts-ignore: decorator
@inline function isOpaque(c: usize): bool { return modeOf(c, IN) == OPAQUE && modeOf(c, OUT) == OPAQUE; }

/** It speaks something else from now on. */
function beOpaque(c: usize): void {
  setMode(c, IN, OPAQUE);
  setMode(c, OUT, OPAQUE);
}

/** Where a client does not wait for answers, what was not seen may be requests: nothing more is told then. */
function beUnsure(c: usize, way: u32): void {
  setMode(c, way, load<u8>(c, PIPELINED) != 0 && way == IN ? OPAQUE : UNSURE);
  if (way == IN) store<u8>(c, 0, SINCE);
}

// @ts-ignore: decorator
@inline function bodyOf(c: usize, way: u32): usize { return c + BODIES + way * BODY_STATE; }

function startLength(c: usize, way: u32): void {
  setMode(c, way, BODY);
  beginLength(bodyOf(c, way), <u64>bodyLength);
}

function startChunks(c: usize, way: u32): void {
  setMode(c, way, CHUNKS);
  beginChunks(bodyOf(c, way));
}

/** Whether the last chunk has come to its end. Becomes unsure where a chunk's size was not seen. */
function chunks(c: usize, way: u32): bool {
  const came = skipChunks(bodyOf(c, way));
  if (came == UNSEEN) beUnsure(c, way);
  return came == DONE;
}
