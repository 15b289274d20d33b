// SPDX-License-Identifier: Apache-2.0
// Redis as its servers and its clients see it: requests, and replies, paired in their order. It is Redis if a
// connection's first request is an array of RESP and the first answer is RESP.
//
//   const REDIS = new Redis();
//   ... for (let i = 0, n = REDIS.saw(e); i < n; i++) DURATION.label(REDIS.command(i)) ... .record(REDIS.seconds(i));
import { at, seen, total } from "../connection/cursor";
import { OWN, PairedProtocol } from "../connection/paired";
import {
  DONE, isAnswer, isArray, isClientByHand, isEmpty, isError, isIdle, isNamed, isPush, isRequest, isUnasked, message, MORE,
  nameAt, nameBytes, PARSER, reset, UNSEEN, wordAt, wordSize,
} from "./resp";
import { commands, errors, unpaired } from "./words";

/** The parsers of a connection. */
const IN: usize = OWN;
const OUT: usize = OWN + PARSER;

/** Connections of all servers that a policy sees. One is made at the top of a file. */
export class Redis extends PairedProtocol {
  /** Connections and requests underway that are known at the same time; who is silent for longest goes. */
  constructor(connections: u32 = 4096, underway: u32 = 8192) {
    super(connections, underway, 2 * PARSER);
  }

  /** Of a request that is finished, by its number in the answer. */
  command(i: i32): string {
    return commands.text(this.nameOf(i));
  }

  /** The first word of the error that answered it; empty where none did. */
  error(i: i32): string {
    const error = this.errorOf(i);
    return error == 0 ? "" : errors.text(error - 1);
  }

  /** A reply may look like a request, but for the command. */
  protected isRequest(from: usize, size: u32): bool {
    return isRequest(from, size) && commands.number(nameAt, nameBytes) != 0;
  }

  protected startAnew(c: usize): void {
    reset(c + IN);
    reset(c + OUT);
  }

  protected read(c: usize): void {
    const p = c + IN;
    for (let isFirst = true; total > 0; isFirst = false) {
      if (isIdle(p)) {
        if (this.isNew(c) && !isArray(at, seen)) return this.beOther(c);
        this.startRequest(c, isFirst);
      }
      const came = message(p, true);
      if (came == MORE) return;
      if (came == DONE && isEmpty(p)) continue;
      if (came != DONE && came != UNSEEN) return this.beOther(c);
      if (!isNamed(p)) {
        this.unsynced++;
        return this.lose(c);
      }
      const word = wordAt(p), size = wordSize(p);
      if (unpaired.number(word, size) != 0 || isClientByHand(p)) return this.beOther(c);
      if (!this.wait(c, commands.number(word, nameSize(word, size)))) return;
      if (came == UNSEEN) return this.cutRequest(c);
    }
  }

  protected answer(c: usize): void {
    const p = c + OUT;
    while (total > 0) {
      if (isIdle(p) && !this.isWaiting(c) && !isUnasked(at, seen)) return this.doubt(c);
      const came = message(p, false);
      if (came == MORE) return;
      if (came == UNSEEN) return this.cutAnswer(c);
      if (came != DONE) return this.beOther(c);
      if (!isPush(p)) this.finish(c);
    }
  }

  protected finishCut(c: usize): void {
    if (isAnswer(c + OUT)) return this.finish(c);
    this.unsynced++; // a push was cut, or the reply behind it was not seen
    this.answered(c);
  }

  protected forgetAnswer(c: usize): void {
    reset(c + OUT);
  }

  private finish(c: usize): void {
    const p = c + OUT;
    this.tell(c, this.waitingName(c), isError(p) ? 1 + errors.number(wordAt(p), wordSize(p)) : 0);
    this.answered(c);
  }
}

/** Of CLIENT, what it is asked for is behind its name. */
function nameSize(word: usize, size: u32): u32 {
  for (let i: u32 = 0; i < size; i++) if (load<u8>(word + i) == 0x20) return i;
  return size;
}
