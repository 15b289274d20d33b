// SPDX-License-Identifier: Apache-2.0
// A protocol whose requests are answered in their order, as its servers and its clients see it: which
// connections there are, which requests wait, and whether a connection can be followed. What a request is
// and where it ends, a protocol's own class says, which extends this. A connection is its socket's inode,
// so the two ends of one are two. What was cut by `--snaplen`, lost, or was there before us makes a
// connection unsure: nothing is told of it until it has rested for a second, and then bytes begin with a
// request.
import { hours, seconds } from "../duration";
import { Event } from "../event";
import { StateTable, UNKEPT } from "../state/table";
import { Str } from "../str";
import { mix } from "../string-set";
import { batchLost } from "../wire/frame";
import { Protocol } from "./protocol";
import { at, begin, seen, skip, total } from "./cursor";
import { isStream, socketOf, writerOf } from "./key";

/** How much is known of a connection. */
export const FOLLOWED: u32 = 0;
const UNSURE: u32 = 1;
/** It speaks something else, or requests and answers are no pairs: what is read is looked at no more. */
const OPAQUE: u32 = 2;

/** A connection: bytes from the entry's begin. What a protocol adds to it is behind OWN. */
const MODE: usize = 0; // u8
const IS_CUT_IN: usize = 1; // u8: where the request underway ends was not seen
const IS_CUT_OUT: usize = 2; // u8: where the answer underway ends was not seen
const PIPELINED: usize = 3; // u8: its client does not wait for answers
const SPEAKS: usize = 4; // u8: an answer has shown that it speaks the protocol
const IS_CLIENT: usize = 5; // u8: requests are written, and answers are read
const FIRST: usize = 8; // u32: number of the request that is answered next
const NEXT: usize = 12; // u32: number of the next request
const LAST: usize = 16; // u64: when something was read or written last
const ANSWERED: usize = 24; // u64: when a part of an answer was moved last
const LOST: usize = 32; // u64: what its agent had lost
const BEGUN: usize = 40; // u64: when the request underway began
const MOVER: usize = 48; // u64: which process and descriptor moved that
const IS_ALONE: usize = 56; // u8: the request that is answered next stands in ALONE, not in the table
const ALONE: usize = 64; // a request
/** Where a protocol's own bytes of a connection begin. */
export const OWN: usize = ALONE + 16;

/** A request that waits for its answer. */
const TIME: usize = 0; // u64
const NAME: usize = 8; // u32
const ID: usize = 12; // u32
const REQUEST: usize = 16;

/** More are no pipeline. */
const WAITING_MAX: u32 = 1024;
/** What one event can finish. */
const FINISHED_MAX: i32 = 1024;
/** After so long without a byte nothing is underway. */
const REST: u64 = seconds(1);

/** In what is found of an operation: its client told of it. */
const OF_CLIENT: u64 = 1 << 63;

/** Connections of one protocol that a policy sees. One is made at the top of a file. */
export abstract class PairedProtocol extends Protocol {
  private readonly connections: StateTable;
  private readonly waiting: StateTable;
  private readonly connectionSize: usize;
  /** Of each operation that is finished: begin, end, and its name above its error. */
  private readonly found: StaticArray<u64> = new StaticArray<u64>(FINISHED_MAX * 3);
  private count: i32 = 0;
  private now: u64 = 0;
  private from: u64 = 0;
  private key: u64 = 0;
  /**
   * Connections and requests underway that are known at the same time; who is silent for longest goes. `own`:
   * bytes that the protocol has of a connection.
   */
  constructor(connections: u32, underway: u32, own: usize) {
    super();
    this.connections = new StateTable(UNKEPT, connections, OWN + own, hours(2));
    this.waiting = new StateTable(UNKEPT, underway, REQUEST, hours(2));
    this.connectionSize = OWN + own;
  }

  /** Whether bytes begin as a request does in the middle of a connection. */
  protected abstract isRequest(from: usize, size: u32): bool;
  /** Nothing is underway on this connection: what the protocol knows of it begins anew. */
  protected abstract startAnew(c: usize): void;
  /** Consumes what a client sends. */
  protected abstract read(c: usize): void;
  /** Consumes what a server sends. */
  protected abstract answer(c: usize): void;
  /** An answer of which the end was not seen has ended; its request waits. */
  protected abstract finishCut(c: usize): void;
  /** What is known of the answer underway is forgotten. */
  protected abstract forgetAnswer(c: usize): void;

  protected accepted(e: Event): void {
    this.connect(e, false);
  }

  protected connected(e: Event): void {
    this.connect(e, true);
  }

  protected received(e: Event, data: Str): i32 {
    return this.moved(e, data.address, data.size, e.fd.is_server);
  }

  protected sent(e: Event, data: Str): i32 {
    return this.moved(e, data.address, data.size, !e.fd.is_server);
  }

  protected sentUnseen(e: Event): i32 {
    return this.moved(e, 0, 0, !e.fd.is_server);
  }

  protected messages(e: Event): i32 {
    this.count = 0;
    const c = e.res > 0 && this.isOnStream(e) ? this.connections.find(socketOf(e), e.time) : 0;
    if (c == 0) return 0;
    this.lose(c);
    store<u64>(c, e.time, LAST);
    return 0;
  }

  protected heardAll(e: Event): i32 {
    return 0;
  }

  protected ended(e: Event): i32 {
    return this.end(e, false);
  }

  protected closed(e: Event): i32 {
    return this.end(e, true);
  }

  /**
   * From the return of the server's read with its first byte to that of the write with its answer's last;
   * from the begin of the client's write to the return of its read.
   */
  seconds(i: i32): f64 {
    const start = this.found[3 * i], end = this.found[3 * i + 1];
    return end > start ? <f64>(end - start) / 1e9 : 0;
  }

  labels(e: Event, i: i32): u64 {
    return this.labelsOf(e, this.isOfClient(i), mix(this.found[3 * i + 2], this.namesRound));
  }

  /** Another number where the numbers of names stand for others than before. */
  protected get namesRound(): u64 {
    return 0;
  }

  /** The number of the name of an operation that is finished. */
  // @ts-ignore: decorator
  @inline protected nameOf(i: i32): u32 { return <u32>((this.found[3 * i + 2] & ~OF_CLIENT) >> 32); }

  /** Whether the operation is told by its client. */
  // @ts-ignore: decorator
  @inline isOfClient(i: i32): bool { return (this.found[3 * i + 2] & OF_CLIENT) != 0; }

  /** The number of its error; 0: none. */
  // @ts-ignore: decorator
  @inline protected errorOf(i: i32): u32 { return <u32>this.found[3 * i + 2]; }

  /** Whether a request waits for its answer. */
  // @ts-ignore: decorator
  @inline protected isWaiting(c: usize): bool { return load<u32>(c, FIRST) != load<u32>(c, NEXT); }

  // @ts-ignore: decorator
  @inline protected isFollowed(c: usize): bool { return load<u8>(c, MODE) == FOLLOWED; }

  // @ts-ignore: decorator
  @inline protected isPipelined(c: usize): bool { return load<u8>(c, PIPELINED) != 0; }

  /** Whether nobody can say yet that this is the protocol. */
  // @ts-ignore: decorator
  @inline protected isNew(c: usize): bool { return load<u8>(c, SPEAKS) == 0 && load<u32>(c, NEXT) == 0; }

  /** A request begins. `isFirst`: with the event. */
  protected startRequest(c: usize, isFirst: bool): void {
    if (!isFirst || this.isWaiting(c)) this.pipeline(c);
    this.mayStart(c);
  }

  /** What begins here may be a request. */
  protected mayStart(c: usize): void {
    store<u64>(c, this.from, BEGUN);
  }

  /** Its client does not wait for answers. */
  protected pipeline(c: usize): void {
    store<u8>(c, 1, PIPELINED);
  }

  /**
   * A request is there, or as much of it as is needed. `id`: what its answer says. False: it cannot be
   * followed.
   */
  protected wait(c: usize, name: u32, id: u32 = 0): bool {
    const number = load<u32>(c, NEXT);
    if (number - load<u32>(c, FIRST) >= WAITING_MAX) {
      this.unsynced++;
      this.lose(c);
      return false;
    }
    const isAlone = !this.isWaiting(c), entry = isAlone ? c + ALONE : this.waiting.take(mix(this.key, number), this.now);
    if (isAlone) store<u8>(c, 1, IS_ALONE);
    store<u64>(entry, load<u64>(c, BEGUN), TIME);
    store<u32>(entry, name, NAME);
    store<u32>(entry, id, ID);
    store<u32>(c, number + 1, NEXT);
    return true;
  }

  /** The end of the request that waits last was not seen. */
  protected cutRequest(c: usize): void {
    // Where the next request of a pipeline begins is not known.
    if (this.isPipelined(c)) this.lose(c);
    else store<u8>(c, 1, IS_CUT_IN);
  }

  /** The end of the answer underway was not seen. */
  protected cutAnswer(c: usize): void {
    if (this.isPipelined(c)) this.lose(c);
    else store<u8>(c, 1, IS_CUT_OUT);
  }

  /** By what the connection of this event is known, and when the event was. */
  // @ts-ignore: decorator
  @inline protected get socket(): u64 { return this.key; }
  // @ts-ignore: decorator
  @inline protected get time(): u64 { return this.now; }

  /** The name of the request that came last; 0 where it is not known any more. */
  protected lastName(c: usize): u32 {
    const entry = this.requestOf(c, load<u32>(c, NEXT) - 1);
    return entry == 0 ? 0 : load<u32>(entry, NAME);
  }

  /** Names the request that came last. */
  protected nameLast(c: usize, name: u32): void {
    const entry = this.requestOf(c, load<u32>(c, NEXT) - 1);
    if (entry != 0) store<u32>(entry, name, NAME);
  }

  /** The name of the oldest request; 0 where it is not known any more. */
  protected waitingName(c: usize): u32 {
    const entry = this.requestOf(c, load<u32>(c, FIRST));
    return entry == 0 ? 0 : load<u32>(entry, NAME);
  }

  /**
   * Whether an answer with this id is that of a request that waits, which is the oldest then: those before
   * it have none.
   */
  protected isAnswerTo(c: usize, id: u32): bool {
    const next = load<u32>(c, NEXT);
    for (let number = load<u32>(c, FIRST); number != next; number++) {
      const entry = this.requestOf(c, number);
      if (entry == 0 || load<u32>(entry, ID) != id) continue;
      while (load<u32>(c, FIRST) != number) this.answered(c);
      return true;
    }
    return false;
  }

  /** Of the oldest request nothing is told. */
  protected leaveOldest(c: usize): void {
    this.unsynced++;
    this.moveOn(c, load<u32>(c, FIRST) + 1);
  }

  /** An operation of the oldest request has ended. */
  protected tell(c: usize, name: u32, error: u32): void {
    const entry = this.requestOf(c, load<u32>(c, FIRST));
    if (entry == 0 || this.count == FINISHED_MAX) {
      this.unsynced++;
      return;
    }
    const i = this.count++;
    this.found[3 * i] = load<u64>(entry, TIME);
    this.found[3 * i + 1] = load<u8>(c, IS_CUT_OUT) != 0 ? load<u64>(c, ANSWERED) : this.now;
    this.found[3 * i + 2] = (<u64>name << 32) | error | (load<u8>(c, IS_CLIENT) != 0 ? OF_CLIENT : 0);
  }

  /** The oldest request is answered. */
  protected answered(c: usize): void {
    const first = load<u32>(c, FIRST);
    store<u8>(c, 1, SPEAKS);
    if (load<u8>(c, IS_ALONE) == 0) this.waiting.drop(mix(this.key, first));
    this.moveOn(c, first + 1);
  }

  /** The request of this number is answered next. */
  // @ts-ignore: decorator
  @inline private moveOn(c: usize, number: u32): void {
    store<u32>(c, number, FIRST);
    store<u8>(c, 0, IS_ALONE);
  }

  /** A request that waits, by its number; 0: it is not known any more. */
  private requestOf(c: usize, number: u32): usize {
    if (load<u8>(c, IS_ALONE) != 0 && number == load<u32>(c, FIRST)) return c + ALONE;
    return this.waiting.find(mix(this.key, number), this.now);
  }

  /** An answer has come that no request waits for: this is another protocol, or a request was not seen. */
  protected doubt(c: usize): void {
    if (load<u8>(c, SPEAKS) == 0) return this.beOther(c);
    this.unsynced++;
    this.lose(c);
  }

  /** What is said here is another protocol, or not in pairs any more. */
  protected beOther(c: usize): void {
    if (load<u8>(c, SPEAKS) == 0) this.moveOn(c, load<u32>(c, NEXT)); // they were no requests
    this.lose(c);
    store<u8>(c, <u8>OPAQUE, MODE);
  }

  /** It cannot be followed any more. What waits for an answer is told of no more. */
  protected lose(c: usize): void {
    if (load<u8>(c, MODE) == OPAQUE) return;
    const first = load<u32>(c, FIRST), next = load<u32>(c, NEXT);
    this.unsynced += <f64>(next - first);
    this.moveOn(c, next);
    store<u8>(c, <u8>UNSURE, MODE);
  }

  private end(e: Event, isClosed: bool): i32 {
    this.count = 0;
    if (!isStream(e.fd)) return 0;
    this.key = socketOf(e);
    this.now = e.time;
    const c = this.connections.find(this.key, e.time);
    if (c == 0 || load<u8>(c, IS_CUT_OUT) == 0 || load<u64>(c, MOVER) != writerOf(e)) return 0;
    if (isClosed || load<u8>(c, IS_CLIENT) == 0) this.endCut(c); // a client that writes no more may still read
    return this.count;
  }

  private connect(e: Event, isClient: bool): void {
    const c = this.connections.take(socketOf(e), e.time);
    memory.fill(c, 0, this.connectionSize);
    store<u8>(c, <u8>isClient, IS_CLIENT);
    store<u64>(c, batchLost(), LOST);
  }

  /** One that is not known yet was there before us. */
  private of(e: Event): usize {
    const key = socketOf(e);
    const c = this.connections.take(key, e.time);
    this.key = key;
    this.now = e.time;
    if (this.connections.isNew) {
      store<u8>(c, <u8>UNSURE, MODE);
      store<u8>(c, <u8>!e.fd.is_server, IS_CLIENT);
      store<u64>(c, e.time, LAST);
    } else if (load<u64>(c, LOST) != batchLost()) {
      this.lose(c);
      store<u64>(c, e.time, LAST);
    }
    store<u64>(c, batchLost(), LOST);
    return c;
  }

  /** Bytes were moved: requests, or answers. */
  private moved(e: Event, address: usize, size: u32, areRequests: bool): i32 {
    this.count = 0;
    if (e.res <= 0 || !this.isOnStream(e)) return 0;
    const c = this.of(e), last = load<u64>(c, LAST);
    store<u64>(c, e.time, LAST);
    if (load<u8>(c, MODE) == OPAQUE) {
      this.leave(e);
      return 0;
    }
    begin(address, size, e.res);
    if (areRequests) {
      this.from = load<u8>(c, IS_CLIENT) != 0 ? e.time - e.latency : e.time;
      this.takeRequests(c, this.from - min(last, this.from));
    } else {
      if (this.isFollowed(c) && load<u8>(c, IS_CUT_OUT) == 0) this.answer(c);
      skip(total);
      store<u64>(c, e.time, ANSWERED);
      store<u64>(c, writerOf(e), MOVER);
    }
    return this.count;
  }

  /** Requests came, after so long without a byte. */
  private takeRequests(c: usize, rested: u64): void {
    if (load<u8>(c, MODE) == UNSURE) this.resume(c, rested);
    if (load<u8>(c, MODE) != FOLLOWED) return;
    if (load<u8>(c, IS_CUT_OUT) != 0) this.endCut(c);
    if (load<u8>(c, IS_CUT_IN) != 0) {
      const isNext = this.isRequest(at, seen);
      if (isNext && this.isWaiting(c)) return this.lose(c); // its client does not wait, or this only looks like one
      if (!isNext) return; // more of it
      store<u8>(c, 0, IS_CUT_IN);
      this.startAnew(c);
    }
    this.read(c);
  }

  /** Where nothing moved for long, no answer is due: what begins as a request is one. */
  private resume(c: usize, rested: u64): void {
    if (!this.isRequest(at, seen)) return;
    if (rested < REST) {
      this.unsynced++;
      return;
    }
    store<u8>(c, <u8>FOLLOWED, MODE);
    store<u8>(c, 0, IS_CUT_IN);
    store<u8>(c, 0, IS_CUT_OUT);
    store<u8>(c, 1, SPEAKS);
    this.startAnew(c);
  }

  /** An answer of which the end was not seen has ended: its client asks for more, or is gone. */
  private endCut(c: usize): void {
    if (this.isWaiting(c)) this.finishCut(c);
    this.forgetAnswer(c);
    store<u8>(c, 0, IS_CUT_OUT);
  }
}
