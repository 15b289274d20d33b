// SPDX-License-Identifier: Apache-2.0
// DNS as its clients and its servers see it, on UDP and on TCP, whatever the port: queries, and answers with
// their id and question, from where the query was sent to. An answer counts if both fit; a name that was not
// asked for is never told. glibc asks for A and AAAA with one sendmmsg, of which the first message alone is
// seen: an answer for the same name may then belong to the other.
//
//   const CONNECTIONS = new Dns();
//   ... for (let i = 0, n = CONNECTIONS.saw(e); i < n; i++) DURATION.label(CONNECTIONS.type(i)) ...
import { at, begin, seen, skip, total } from "../connection/cursor";
import { isDatagram, isStream, programOf, socketOf } from "../connection/key";
import { Names } from "../connection/names";
import { Protocol } from "../connection/protocol";
import { hours, seconds } from "../duration";
import { Event } from "../event";
import { AnyReceive, AnySend, EventId } from "../generated/events";
import { SocketFamily } from "../generated/flags";
import { u16At } from "../network-order";
import { StateTable, UNKEPT } from "../state/table";
import { Str } from "../str";
import { mix, textHash } from "../string-set";
import { batchLost } from "../wire/frame";
import {
  ANSWER, code, CUT_ANSWER, CUT_QUERY, HEADER, id, isGood, isHeader, isPlain, NAME_MAX, nameSize, OTHER, QUERY, question,
  QUESTION_MAX, questionSize, readMessage, type, UNCLEAR,
} from "./message";
import { begunAt, DIRECTION, DONE, keptSize, message, messageAt, MORE, reset, UNSEEN, wholeSize } from "./stream";
import { codeText, typeText } from "./words";

const PORT: u64 = 53;

/** A question that was asked. */
const FIRST: usize = 0; // u64: when it was asked first of those times that wait
const LAST: usize = 8; // u64: when it was asked last
const WAITING: usize = 16; // u32: how often it was asked and not answered
const SIZE: usize = 20; // u32
const QUESTION: usize = 24;
const ASKED: usize = QUESTION + <usize>QUESTION_MAX;

/** Messages that were moved by one call and not seen, behind one that was. */
const SINCE: usize = 0; // u64
const LEFT: usize = 8; // u32
const SENT_TO: usize = 16; // u64
const NAMED: usize = 24; // u32: bytes of the name
const NAME: usize = 28;
const UNSEEN_ONES: usize = NAME + <usize>NAME_MAX;

/** A connection of TCP. */
const IS_CLIENT: usize = 0; // u8
const SPEAKS: usize = 1; // u8: a query has come
const IS_UNSURE: usize = 2; // u8: where a message begins is not known
const OPEN: usize = 4; // u32: queries that wait
const EPOCH: usize = 8; // u64: other for each time that it is followed
const MOVED: usize = 16; // u64: when something was read or written last
const LOST: usize = 24; // u64: what its agent had lost
const QUERIES: usize = 32;
const ANSWERS: usize = QUERIES + DIRECTION;
const CONNECTION: usize = ANSWERS + DIRECTION;

/** What one event can finish. */
const FINISHED_MAX: i32 = 256;
/** Nobody waits for longer. */
const PATIENCE: u64 = seconds(60);
/** After so long without a byte nothing is underway. */
const REST: u64 = seconds(1);

/** In what is found of a query, above its type and code. */
const OF_CLIENT: u64 = 1 << 63;
const ON_TCP: u64 = 1 << 62;

/** Clients and servers that a policy sees. One is made at the top of a file. */
export class Dns extends Protocol {
  private readonly asked: StateTable;
  private readonly batches: StateTable;
  private readonly connections: StateTable;
  private readonly names: Names = new Names();
  /** Of each query that is answered: begin, end, and its type above its code. */
  private readonly found: StaticArray<u64> = new StaticArray<u64>(FINISHED_MAX * 3);
  private readonly foundNames: StaticArray<i32> = new StaticArray<i32>(FINISHED_MAX);
  private count: i32 = 0;

  /** Queries and connections of TCP that are known at the same time; who is silent for longest goes. */
  constructor(underway: u32 = 2048, connections: u32 = 512) {
    super();
    this.asked = new StateTable(UNKEPT, underway, ASKED, PATIENCE);
    this.batches = new StateTable(UNKEPT, 256, UNSEEN_ONES, PATIENCE);
    this.connections = new StateTable(UNKEPT, connections, CONNECTION, hours(2));
  }

  labels(e: Event, i: i32): u64 {
    const told = mix(this.found[3 * i + 2], mix(<u64>this.foundNames[i], this.names.round));
    return this.labelsOf(e, this.isOfClient(i), told);
  }

  /** Of a query that is answered, by its number in the answer: `AAAA`. */
  type(i: i32): string {
    return typeText(<u32>(this.found[3 * i + 2] >> 32) & 0xffff);
  }

  /** `NXDOMAIN`. */
  code(i: i32): string {
    return codeText(<u32>this.found[3 * i + 2]);
  }

  /** Whether the answer is no error. */
  isGood(i: i32): bool {
    return <u32>this.found[3 * i + 2] == 0;
  }

  isOfClient(i: i32): bool {
    return (this.found[3 * i + 2] & OF_CLIENT) != 0;
  }

  /** Whether on TCP, not on UDP. */
  isOnTcp(i: i32): bool {
    return (this.found[3 * i + 2] & ON_TCP) != 0;
  }

  /** Whether name() has it. */
  isNamed(i: i32): bool {
    return this.foundNames[i] >= 0;
  }

  /** What was asked for, if it is one of those that were learned. It is good until the next is asked for. */
  name(i: i32): Str {
    return this.names.text(<u32>this.foundNames[i]);
  }

  /**
   * From the begin of the client's send to the return of its receive; from the return of the server's receive
   * to that of its send.
   */
  seconds(i: i32): f64 {
    const start = this.found[3 * i], end = this.found[3 * i + 1];
    return end > start ? <f64>(end - start) / 1e9 : 0;
  }

  protected accepted(e: Event): void {
    this.connect(e, false);
  }

  protected connected(e: Event): void {
    this.connect(e, true);
  }

  protected received(e: Event, data: Str): i32 {
    return isDatagram(e.fd) ? this.datagram(e, data, <u64>e.res, true) : this.bytes(e, data.address, data.size, true);
  }

  protected sent(e: Event, data: Str): i32 {
    return isDatagram(e.fd) ? this.datagram(e, data, <u64>e.res, false) : this.bytes(e, data.address, data.size, false);
  }

  protected sentUnseen(e: Event): i32 {
    return isDatagram(e.fd) ? 0 : this.bytes(e, 0, 0, false);
  }

  protected messages(e: Event): i32 {
    const isRead = e.evt_type == EventId.recvmmsg;
    const data = isRead ? changetype<AnyReceive>(e).data : changetype<AnySend>(e).data;
    if (isDatagram(e.fd)) return this.datagram(e, data, u64.MAX_VALUE, isRead);
    const c = e.res > 0 ? this.connections.find(socketOf(e), e.time) : 0;
    if (c != 0) this.lose(c);
    return 0;
  }

  protected heardAll(e: Event): i32 {
    return 0;
  }

  protected ended(e: Event): i32 {
    return 0;
  }

  protected closed(e: Event): i32 {
    return 0;
  }

  /** A datagram was moved, or several, of which the first is seen. */
  private datagram(e: Event, data: Str, whole: u64, isRead: bool): i32 {
    this.count = 0;
    if (e.res <= 0) return 0;
    this.names.makeRoom();
    const several = whole == u64.MAX_VALUE ? <u32>e.res - 1 : 0;
    const kind = readMessage(data.address, data.size, whole);
    if (kind == OTHER) {
      if (data.size < HEADER && whole >= HEADER && !isRead && e.fd.sport == PORT && !e.fd.is_server) this.unsynced += several + 1;
      return 0;
    }
    const isAnswer = kind != QUERY && kind != CUT_QUERY, isClient = isAnswer == isRead;
    const socket = mix(socketOf(e), u64(isClient)), peer = peerOf(e);
    if (kind == CUT_QUERY) this.unsynced += several + 1;
    else if (isAnswer) {
      if (kind != CUT_ANSWER) this.hear(e, this.waiting(e, socket, peer), kind, isClient ? OF_CLIENT : 0);
      this.unsynced += several;
    } else {
      this.ask(mix(socket, peer), isClient ? e.time - e.latency : e.time, e.time);
      if (several != 0) this.keepUnseen(e, socket, peer, several, isClient);
    }
    return this.count;
  }

  /** The question that was read last was asked. */
  private ask(place: u64, since: u64, now: u64): void {
    const q = this.asked.take(keyOf(place), now);
    if (!isAsked(q)) {
      store<u32>(q, 0, WAITING);
      store<u32>(q, questionSize, SIZE);
      memory.copy(q + QUESTION, question, questionSize);
    }
    const waiting = load<u32>(q, WAITING);
    if (waiting == 0) store<u64>(q, since, FIRST);
    store<u64>(q, since, LAST);
    store<u32>(q, waiting + 1, WAITING);
  }

  /** More queries went along with the one that was read last; their names may be its own. */
  private keepUnseen(e: Event, socket: u64, peer: u64, several: u32, isClient: bool): void {
    const b = this.batches.take(socket, e.time), left = load<u32>(b, LEFT);
    const isAgain = left != 0 && load<u64>(b, SENT_TO) == peer && isNameOf(b);
    if (!isAgain) store<u64>(b, isClient ? e.time - e.latency : e.time, SINCE);
    store<u32>(b, isAgain ? max(left, several) : several, LEFT);
    store<u64>(b, peer, SENT_TO);
    store<u32>(b, nameSize, NAMED);
    memory.copy(b + NAME, question, nameSize);
  }

  /**
   * The question that the answer belongs to that was read last; 0: nobody has asked. A connected socket may
   * say where from it has received, and not where to it has sent.
   */
  private waiting(e: Event, socket: u64, peer: u64): usize {
    const here = this.askedAt(mix(socket, peer), e.time), isConnected = here == 0 && peer != 0;
    const q = isConnected ? this.askedAt(mix(socket, 0), e.time) : here;
    if (q != 0 && load<u32>(q, WAITING) != 0) return q;
    const unseen = this.ofUnseen(e, socket, peer, q == 0 ? 0 : load<u64>(q, LAST));
    return unseen != 0 ? unseen : q;
  }

  private askedAt(place: u64, now: u64): usize {
    const q = this.asked.find(keyOf(place), now);
    return q != 0 && isAsked(q) ? q : 0;
  }

  /** A question that was asked along with another one for the same name, later than `last`. */
  private ofUnseen(e: Event, socket: u64, peer: u64, last: u64): usize {
    const b = this.batches.find(socket, e.time);
    if (b == 0 || load<u32>(b, LEFT) == 0 || load<u64>(b, SINCE) <= last || !isNameOf(b)) return 0;
    const to = load<u64>(b, SENT_TO);
    if (to != peer && to != 0) return 0;
    store<u32>(b, load<u32>(b, LEFT) - 1, LEFT);
    this.ask(mix(socket, to), load<u64>(b, SINCE), e.time);
    return this.askedAt(mix(socket, to), e.time);
  }

  /** The answer that was read last belongs to this question, or to none. `how`: OF_CLIENT, ON_TCP. */
  private hear(e: Event, q: usize, kind: u32, how: u64): void {
    if (q == 0) {
      if ((how & ON_TCP) == 0) this.unsynced++; // more of a transfer may follow on TCP
      return;
    }
    const waiting = load<u32>(q, WAITING);
    if (waiting == 0) return; // it was answered before
    store<u32>(q, waiting - 1, WAITING);
    if (kind == UNCLEAR || this.count == FINISHED_MAX) {
      this.unsynced++;
      return;
    }
    const i = this.count++;
    this.found[3 * i] = load<u64>(q, FIRST);
    this.found[3 * i + 1] = e.time;
    this.found[3 * i + 2] = how | (<u64>type << 32) | code;
    this.foundNames[i] = isPlain ? this.names.find(programOf(e), question, nameSize, isGood) : -1;
    store<u64>(q, load<u64>(q, LAST), FIRST);
  }

  /** A connection has begun: whatever had its inode before is over. */
  private connect(e: Event, isClient: bool): void {
    if (!e.fd.isInetSocket) return;
    const c = this.connections.take(socketOf(e), e.time);
    memory.fill(c, 0, CONNECTION);
    store<u8>(c, u8(isClient), IS_CLIENT);
    store<u64>(c, e.time, EPOCH);
    store<u64>(c, batchLost(), LOST);
  }

  /** Bytes of a connection were moved. One of which the begin was not seen is not known, and not followed. */
  private bytes(e: Event, address: usize, size: u32, isRead: bool): i32 {
    this.count = 0;
    if (e.res <= 0 || !isStream(e.fd)) return 0;
    const c = this.connections.find(socketOf(e), e.time);
    if (c == 0) {
      this.leave(e);
      return 0;
    }
    this.names.makeRoom();
    if (load<u64>(c, LOST) != batchLost()) this.lose(c);
    store<u64>(c, batchLost(), LOST);
    const isClient = load<u8>(c, IS_CLIENT) != 0, areQueries = isClient != isRead;
    const rested = e.time - min(load<u64>(c, MOVED), e.time);
    store<u64>(c, e.time, MOVED);
    begin(address, size, e.res);
    if (load<u8>(c, SPEAKS) == 0 && !areQueries) this.connections.drop(socketOf(e)); // its server speaks first
    else if (load<u8>(c, IS_UNSURE) == 0 || (areQueries && rested >= REST && this.resume(c, e.time))) {
      if (areQueries) this.queries(e, c, isClient && total != 0 ? e.time - e.latency : e.time);
      else this.answers(e, c, isClient ? OF_CLIENT | ON_TCP : ON_TCP);
    }
    return this.count;
  }

  private queries(e: Event, c: usize, from: u64): void {
    const d = c + QUERIES;
    while (total > 0) {
      const came = message(d, from);
      if (load<u8>(c, SPEAKS) == 0 && !isBegin(d, came)) return this.connections.drop(socketOf(e));
      if (came == MORE) return;
      if (came == UNSEEN) return this.lose(c);
      store<u8>(c, 1, SPEAKS);
      const kind = readKept(d);
      if (kind == QUERY) {
        this.ask(placeOf(e, c), begunAt(d), e.time);
        store<u32>(c, load<u32>(c, OPEN) + 1, OPEN);
      } else if (kind == CUT_QUERY) this.unsynced++;
      reset(d);
    }
  }

  private answers(e: Event, c: usize, how: u64): void {
    const d = c + ANSWERS;
    while (total > 0) {
      const came = message(d, e.time);
      if (came == MORE) return;
      if (came == UNSEEN) return this.lose(c);
      const kind = readKept(d);
      if (kind == ANSWER || kind == UNCLEAR) {
        const q = this.askedAt(placeOf(e, c), e.time), open = load<u32>(c, OPEN);
        if (q != 0 && load<u32>(q, WAITING) != 0 && open != 0) store<u32>(c, open - 1, OPEN);
        this.hear(e, q, kind, how);
      }
      reset(d);
    }
  }

  /** It cannot be followed any more. What waits for an answer is told of no more. */
  private lose(c: usize): void {
    if (load<u8>(c, IS_UNSURE) != 0) return;
    this.unsynced += <f64>load<u32>(c, OPEN);
    store<u32>(c, 0, OPEN);
    store<u8>(c, 1, IS_UNSURE);
  }

  /** Where nothing moved for long, nothing is underway: what is a query as a whole is one. */
  private resume(c: usize, now: u64): bool {
    if (seen < HEADER + 2) return false;
    const kind = readMessage(at + 2, seen - 2, u16At(at));
    if (kind != QUERY) return false;
    reset(c + QUERIES);
    reset(c + ANSWERS);
    store<u64>(c, now, EPOCH);
    store<u8>(c, 1, SPEAKS);
    store<u8>(c, 0, IS_UNSURE);
    return true;
  }
}

/** By what the question that was read last is known, of those of one place. */
// @ts-ignore: decorator
@inline function keyOf(place: u64): u64 { return textHash(question, questionSize, mix(place, id)); }

/** Whether this is the question that was read last. */
function isAsked(q: usize): bool {
  return load<u32>(q, SIZE) == questionSize && memory.compare(q + QUESTION, question, questionSize) == 0;
}

/** Whether these are for the name that was read last. */
function isNameOf(b: usize): bool {
  return load<u32>(b, NAMED) == nameSize && memory.compare(b + NAME, question, nameSize) == 0;
}

function placeOf(e: Event, c: usize): u64 {
  return mix(socketOf(e), load<u64>(c, EPOCH));
}

/** Whether what there is of the first message may be a client's. */
function isBegin(d: usize, came: u32): bool {
  if (came == UNSEEN) return false;
  const size = keptSize(d), kind = came == DONE ? readKept(d) : QUERY;
  return (kind == QUERY || kind == CUT_QUERY) && (came == DONE || size < HEADER || isHeader(messageAt(d), size));
}

function readKept(d: usize): u32 {
  return readMessage(messageAt(d), min(keptSize(d), wholeSize(d)), wholeSize(d));
}

/** Whom a datagram was sent to or came from; 0 where the call does not say. */
function peerOf(e: Event): u64 {
  switch (e.evt_type) {
    case EventId.recvfrom:
    case EventId.recvmsg:
    case EventId.recvmmsg:
      return endpointOf(changetype<Str>(changetype<usize>(changetype<AnyReceive>(e).addr)));
    case EventId.sendto:
    case EventId.sendmsg:
    case EventId.sendmmsg:
      return endpointOf(changetype<Str>(changetype<usize>(changetype<AnySend>(e).addr)));
    default:
      return 0;
  }
}

/** Family, port and address of a struct sockaddr; 0 where there is none. */
function endpointOf(is: Str): u64 {
  const from = is.address, family: u64 = is.size >= 8 ? load<u16>(from) : 0;
  if (family == SocketFamily.AF_INET) return mix(load<u64>(from), 1);
  if (family != SocketFamily.AF_INET6 || is.size < 24) return 0;
  return mix(mix(load<u32>(from), load<u64>(from, 8)), load<u64>(from, 16));
}
