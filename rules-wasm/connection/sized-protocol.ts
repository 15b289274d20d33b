// SPDX-License-Identifier: Apache-2.0
// A protocol in which each message of both directions begins with its length in four bytes, and an answer
// names its request by a number. What a message says is its protocol's to know: take() and hear().
import { total } from "./cursor";
import { OWN, PairedProtocol } from "./paired";
import { DONE, isIdle, endedAt, endedSize, keptAt, keptSize, Lengths, message, MORE, reset, SIZED, UNSEEN } from "./sized";

/** A connection's own bytes: the two directions. */
const IN: usize = OWN;
const OUT: usize = IN + SIZED;
/** Where a connection's bytes stand that its protocol has besides. */
export const BEHIND_SIZED: usize = OUT + SIZED;

/** Of connections that a policy sees. */
export abstract class SizedProtocol extends PairedProtocol {
  /**
   * `own`: bytes of a connection from BEHIND_SIZED on that the protocol has. `head`: those of a request that
   * isRequest() looks at.
   */
  constructor(connections: u32, underway: u32, own: usize, protected readonly lengths: Lengths, private readonly head: u32) {
    super(connections, underway, BEHIND_SIZED - OWN + own);
  }

  /** A request is there, or its begin. */
  protected abstract take(c: usize, from: usize, size: u32): void;

  /** An answer is there, or its begin. */
  protected abstract hear(c: usize, from: usize, size: u32): void;

  protected startAnew(c: usize): void {
    reset(c + IN);
    reset(c + OUT);
  }

  protected read(c: usize): void {
    const d = c + IN;
    while (total > 0) {
      if (isIdle(d)) this.mayStart(c);
      const came = message(d, this.lengths);
      if (came == MORE) {
        if (keptSize(d) >= this.head && !this.isRequest(keptAt(d), keptSize(d))) this.beOther(c); // its end shows no more
        return;
      }
      if (came == DONE) this.take(c, endedAt, endedSize);
      else if (came != UNSEEN) this.beOther(c);
      reset(d);
      if (came == UNSEEN) return this.isWaiting(c) ? this.lose(c) : this.cutRequest(c);
      if (!this.isFollowed(c)) return;
    }
  }

  protected answer(c: usize): void {
    const d = c + OUT;
    while (total > 0) {
      const came = message(d, this.lengths);
      if (came == MORE) return;
      if (came == DONE) this.hear(c, endedAt, endedSize);
      else if (came != UNSEEN) this.beOther(c);
      reset(d);
      if (came == UNSEEN) return this.cutAnswer(c);
      if (!this.isFollowed(c)) return;
    }
  }

  /** By what a message is known was not seen. */
  protected miss(c: usize): void {
    this.unsynced++;
    this.lose(c);
  }

  protected finishCut(c: usize): void {
    this.leaveOldest(c);
  }

  protected forgetAnswer(c: usize): void {
    reset(c + OUT);
  }
}
