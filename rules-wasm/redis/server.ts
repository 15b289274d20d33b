// SPDX-License-Identifier: Apache-2.0
// Redis as its server sees it: requests in what it reads, replies in what it writes, paired in their order. A
// connection is its socket's inode. It is Redis if its first request is an array of RESP and the first answer
// is RESP. What was cut by `--snaplen`, lost, or was there before us makes a connection unsure: nothing is
// told of it until it has rested for a second, and then a read begins with a request.
//
//   const REDIS = new RedisServer();
//   ... for (let i = 0, n = REDIS.received(e, e.data); i < n; i++) DURATION.label(REDIS.command(i)) ... .record(REDIS.seconds(i));
import { at, begin, seen, skip, total } from "../connection/cursor";
import { socketOf, writerOf } from "../connection/key";
import { hours, seconds } from "../duration";
import { Event } from "../event";
import { StateTable } from "../state/table";
import { Str } from "../str";
import { mix } from "../string-set";
import { batchLost } from "../wire/frame";
import {
  DONE, isArray, isClientByHand, isEmpty, isError, isIdle, isNamed, isPush, isRequest, isUnasked, message, MORE, PARSER, reset,
  UNSEEN, wordAt, wordSize,
} from "./resp";
import { commands, errors, unpaired } from "./words";

const KIND: u32 = 7;

/** What is known of a connection. */
const FOLLOWED: u32 = 0;
const UNSURE: u32 = 1;
/** It speaks something else, or requests and replies are no pairs: what is read is looked at no more. */
const OPAQUE: u32 = 2;

/** A connection: bytes from the entry's begin. */
const MODE: usize = 0; // u8
const IS_CUT_IN: usize = 1; // u8: where the request underway ends was not seen
const IS_CUT_OUT: usize = 2; // u8: where the reply underway ends was not seen
const PIPELINED: usize = 3; // u8: its client does not wait for replies
const SPEAKS: usize = 4; // u8: a reply has shown that it is Redis
const FIRST: usize = 8; // u32: number of the request that is answered next
const NEXT: usize = 12; // u32: number of the next request
const LAST: usize = 16; // u64: when something was read or written last
const WRITTEN: usize = 24; // u64: end of the last write
const LOST: usize = 32; // u64: what its agent had lost
const BEGUN: usize = 40; // u64: when the request underway began
const WRITER: usize = 48; // u64: process and descriptor of the last write
const IN: usize = 56; // the parsers
const OUT: usize = IN + PARSER;
const CONNECTION: usize = OUT + PARSER;

/** A request that waits for its reply. */
const TIME: usize = 0; // u64
const COMMAND: usize = 8; // u32
const REQUEST: usize = 16;

/** More are no pipeline. */
const WAITING_MAX: u32 = 1024;
/** What one event can finish. */
const FINISHED_MAX: i32 = 1024;
/** After so long without a byte nothing is underway. */
const REST: u64 = seconds(1);

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class RedisServer {
  private readonly connections: StateTable;
  private readonly waiting: StateTable;
  /** Of each request that is finished: begin, end, and its command above its error. */
  private readonly found: StaticArray<u64> = new StaticArray<u64>(FINISHED_MAX * 3);
  private count: i32 = 0;
  /** Requests of which nothing is told, since they could not be followed. */
  unsynced: f64 = 0;

  /** Connections and requests underway that are known at the same time; who is silent for longest goes. */
  constructor(connections: u32 = 4096, underway: u32 = 8192) {
    this.connections = new StateTable(KIND, connections, CONNECTION, hours(2), false);
    this.waiting = new StateTable(KIND, underway, REQUEST, hours(2), false);
  }

  /** A connection was accepted: whatever had its inode before is over. */
  accepted(e: Event): void {
    if (e.failed) return;
    const c = this.connections.take(socketOf(e), e.time);
    memory.fill(c, 0, CONNECTION);
    store<u64>(c, batchLost(), LOST);
  }

  /** Bytes were read. Gives how many requests are finished by that. */
  received(e: Event, data: Str): i32 {
    this.count = 0;
    if (e.res <= 0 || !e.fd.is_server) return 0;
    const key = socketOf(e), c = this.of(key, e), last = load<u64>(c, LAST);
    store<u64>(c, e.time, LAST);
    begin(data.address, data.size, e.res);
    if (load<u8>(c, MODE) == UNSURE) this.resume(c, e.time - min(last, e.time));
    if (load<u8>(c, MODE) != FOLLOWED) return 0;
    if (load<u8>(c, IS_CUT_OUT) != 0) this.endCut(c, key);
    if (load<u8>(c, IS_CUT_IN) != 0) {
      if (load<u32>(c, FIRST) != load<u32>(c, NEXT) || !isRequest(at, seen)) return this.count; // more of it
      store<u8>(c, 0, IS_CUT_IN);
      reset(c + IN);
    }
    this.read(c, key, e);
    return this.count;
  }

  /** Bytes were written, of which `data` is the begin. Gives how many requests are finished by that. */
  sent(e: Event, data: Str): i32 {
    return this.write(e, data.address, data.size);
  }

  /** Bytes were written that nobody saw: sendfile. */
  sentUnseen(e: Event): i32 {
    return this.write(e, 0, 0);
  }

  /** Messages were received or sent in one call that says how many, and not how many bytes. */
  messages(e: Event): i32 {
    this.count = 0;
    const c = e.res > 0 && e.fd.is_server ? this.connections.find(socketOf(e), e.time) : 0;
    if (c != 0) this.lose(c);
    return 0;
  }

  /**
   * A descriptor was closed, or nothing more is written by it. Gives how many requests are finished by that.
   */
  ended(e: Event): i32 {
    this.count = 0;
    const key = socketOf(e), c = this.connections.find(key, e.time);
    if (c != 0 && load<u8>(c, IS_CUT_OUT) != 0 && load<u64>(c, WRITER) == writerOf(e)) this.endCut(c, key);
    return this.count;
  }

  /** Of a request that is finished, by its number in the answer. */
  command(i: i32): string {
    return commands.text(<u32>(this.found[3 * i + 2] >> 32));
  }

  /** The first word of the error that answered it; empty where none did. */
  error(i: i32): string {
    const error = <u32>this.found[3 * i + 2];
    return error == 0 ? "" : errors.text(error - 1);
  }

  /** From the return of the read with its first byte to that of the write with its reply's last. */
  seconds(i: i32): f64 {
    const start = this.found[3 * i], end = this.found[3 * i + 1];
    return end > start ? <f64>(end - start) / 1e9 : 0;
  }

  /** One that is not known yet was there before us. */
  private of(key: u64, e: Event): usize {
    const known = this.connections.find(key, e.time), c = this.connections.take(key, e.time);
    if (known == 0) {
      store<u8>(c, <u8>UNSURE, MODE);
      store<u64>(c, e.time, LAST);
    } else if (load<u64>(c, LOST) != batchLost()) {
      this.lose(c);
      store<u64>(c, e.time, LAST);
    }
    store<u64>(c, batchLost(), LOST);
    return c;
  }

  /** Where nothing moved for long, no reply is due: what begins as a request is one. */
  private resume(c: usize, rested: u64): void {
    if (!isRequest(at, seen)) return;
    if (rested < REST) {
      this.unsynced++;
      return;
    }
    store<u8>(c, <u8>FOLLOWED, MODE);
    store<u16>(c, 0, IS_CUT_IN);
    reset(c + IN);
    reset(c + OUT);
  }

  private read(c: usize, key: u64, e: Event): void {
    const p = c + IN;
    for (let isFirst = true; total > 0; isFirst = false) {
      if (isIdle(p)) {
        if (load<u8>(c, SPEAKS) == 0 && load<u32>(c, NEXT) == 0 && !isArray(at, seen)) return this.beOther(c);
        if (!isFirst || load<u32>(c, FIRST) != load<u32>(c, NEXT)) store<u8>(c, 1, PIPELINED);
        store<u64>(c, e.time, BEGUN);
      }
      const came = message(p, true);
      if (came == MORE) return;
      if (came == DONE && isEmpty(p)) continue;
      if (came != DONE && came != UNSEEN) return this.beOther(c);
      if (!isNamed(p)) {
        this.unsynced++;
        return this.lose(c);
      }
      this.request(c, key, e);
      if (load<u8>(c, MODE) != FOLLOWED) return;
      if (came == DONE) continue;
      // Where the next request of a pipeline begins is not known.
      if (load<u8>(c, PIPELINED) != 0) return this.lose(c);
      store<u8>(c, 1, IS_CUT_IN);
      return;
    }
  }

  /** A request is there, or as much of it as is needed. */
  private request(c: usize, key: u64, e: Event): void {
    const p = c + IN, word = wordAt(p), size = wordSize(p);
    const command = commands.number(word, nameSize(word, size));
    if (unpaired.number(word, size) != 0 || isClientByHand(p)) return this.beOther(c);
    const number = load<u32>(c, NEXT);
    if (number - load<u32>(c, FIRST) >= WAITING_MAX) {
      this.unsynced++;
      return this.lose(c);
    }
    const entry = this.waiting.take(mix(key, number), e.time);
    store<u64>(entry, load<u64>(c, BEGUN), TIME);
    store<u32>(entry, command, COMMAND);
    store<u32>(c, number + 1, NEXT);
  }

  private write(e: Event, address: usize, size: u32): i32 {
    this.count = 0;
    if (e.res <= 0 || !e.fd.is_server) return 0;
    const key = socketOf(e), c = this.of(key, e), p = c + OUT;
    store<u64>(c, e.time, LAST);
    begin(address, size, e.res);
    while (total > 0 && load<u8>(c, MODE) == FOLLOWED && load<u8>(c, IS_CUT_OUT) == 0) {
      if (isIdle(p) && load<u32>(c, FIRST) == load<u32>(c, NEXT) && !isUnasked(at, seen)) {
        this.beOther(c); // nobody has asked
        break;
      }
      const came = message(p, false);
      if (came == MORE) break;
      if (came == UNSEEN) {
        if (load<u8>(c, PIPELINED) != 0) this.lose(c);
        else store<u8>(c, 1, IS_CUT_OUT);
      } else if (came != DONE) this.beOther(c);
      else if (!isPush(p)) this.finish(c, key, e.time);
    }
    skip(total);
    store<u64>(c, e.time, WRITTEN);
    store<u64>(c, writerOf(e), WRITER);
    return this.count;
  }

  /** A reply of which the end was not seen has ended: its client asks for more, or is gone. */
  private endCut(c: usize, key: u64): void {
    store<u8>(c, 0, IS_CUT_OUT);
    if (load<u32>(c, FIRST) != load<u32>(c, NEXT)) this.finish(c, key, load<u64>(c, WRITTEN));
    reset(c + OUT);
  }

  /** The oldest request is answered. */
  private finish(c: usize, key: u64, end: u64): void {
    const first = load<u32>(c, FIRST), request = mix(key, first), p = c + OUT;
    store<u32>(c, first + 1, FIRST);
    store<u8>(c, 1, SPEAKS);
    const entry = this.waiting.find(request, end);
    if (entry == 0 || this.count == FINISHED_MAX) {
      this.unsynced++;
      return;
    }
    const i = this.count++, error: u32 = isError(p) ? 1 + errors.number(wordAt(p), wordSize(p)) : 0;
    this.found[3 * i] = load<u64>(entry, TIME);
    this.found[3 * i + 1] = end;
    this.found[3 * i + 2] = (<u64>load<u32>(entry, COMMAND) << 32) | error;
    this.waiting.drop(request);
  }

  /** What is said here is not Redis, or not in pairs any more. */
  private beOther(c: usize): void {
    if (load<u8>(c, SPEAKS) == 0) store<u32>(c, load<u32>(c, NEXT), FIRST); // they were no requests
    this.lose(c);
    store<u8>(c, <u8>OPAQUE, MODE);
  }

  /** It cannot be followed any more. What waits for a reply is told of no more. */
  private lose(c: usize): void {
    if (load<u8>(c, MODE) == OPAQUE) return;
    const first = load<u32>(c, FIRST), next = load<u32>(c, NEXT);
    this.unsynced += <f64>(next - first);
    store<u32>(c, next, FIRST);
    store<u8>(c, <u8>UNSURE, MODE);
  }
}

/** Of CLIENT, what it is asked for is behind its name. */
function nameSize(word: usize, size: u32): u32 {
  for (let i: u32 = 0; i < size; i++) if (load<u8>(word + i) == 0x20) return i;
  return size;
}
