// SPDX-License-Identifier: Apache-2.0
// Which requests become spans, and of which trace. A caller that records says so in its traceparent, requests
// that fail are worth one, and of all others one in a hundred is taken. Each of these reasons has its own
// share of a second, because the first two are the caller's to bring about: whoever asks for spans without
// end takes nothing of what the others have.
import { Event } from "../event";
import { mix } from "../string-set";
import { batchSource } from "../wire/frame";
import { HttpClient, HttpServer } from "./connection";
import { SAMPLED } from "./traceparent";

const SECOND_NS: u64 = 1_000_000_000;
const ONE_IN: u64 = 100;
/** A second's spans by reason. */
const ASKED_MAX: u32 = 20;
const FAILED_MAX: u32 = 15;
const TAKEN_MAX: u32 = 15;

/** One is made for each side. */
export class Spans {
  private second: u64 = 0;
  private asked: u32 = 0;
  private failed: u32 = 0;
  private taken: u32 = 0;
  private seen: u64 = 0;
  private high: u64 = 0;
  private low: u64 = 0;
  private span: u64 = 0;
  private begun: u64 = 0;
  private event: u64 = 0;
  private place: i32 = 0;

  /** Whether a request of a server that is finished becomes a span. */
  ofServer(e: Event, from: HttpServer, i: i32): bool {
    const isFailed = from.isCall(i) ? from.isCallError(i) : from.status(i) >= 500;
    return this.take(e, i, from.start(i), isFailed, from.trace(i, 0), from.trace(i, 1), from.trace(i, 2), <u32>from.trace(i, 3));
  }

  /** Whether one of a client does. */
  ofClient(e: Event, from: HttpClient, i: i32): bool {
    const isFailed = from.isCall(i) ? from.isCallError(i) : from.status(i) >= 400;
    return this.take(e, i, from.start(i), isFailed, from.trace(i, 0), from.trace(i, 1), from.trace(i, 2), <u32>from.trace(i, 3));
  }

  /** Of the request that was taken last: 32 digits. */
  get trace(): string { return digits(this.high) + digits(this.low); }

  /** The span that asked for it: 16 digits; empty where nobody said. */
  get parent(): string { return this.span == 0 ? "" : digits(this.span); }

  /**
   * When it began, ns since the epoch, and behind points which of all requests it is: several of one trace
   * can begin together.
   */
  get start(): string { return `${this.begun}.${this.event}.${this.place}`; }

  private take(e: Event, i: i32, start: u64, isFailed: bool, high: u64, low: u64, span: u64, flags: u32): bool {
    const second = e.time / SECOND_NS;
    if (second != this.second) {
      this.second = second;
      this.asked = 0;
      this.failed = 0;
      this.taken = 0;
    }
    const isTold = span != 0;
    if (!this.isTaken(isTold, (flags & SAMPLED) != 0, isFailed)) return false;
    // A replay gives the same.
    this.high = isTold ? high : mix(mix(batchSource(), e.proc.key), e.evt_num) | 1;
    this.low = isTold ? low : mix(mix(this.high, start), i);
    this.span = span;
    this.begun = start;
    this.event = e.evt_num;
    this.place = i;
    return true;
  }

  private isTaken(isTold: bool, isAsked: bool, isFailed: bool): bool {
    if (isAsked && this.asked < ASKED_MAX) return ++this.asked > 0;
    if (isFailed && this.failed < FAILED_MAX) return ++this.failed > 0;
    // Who is told not to record a trace does not.
    if (isTold || this.seen++ % ONE_IN != 0) return false;
    return this.taken < TAKEN_MAX && ++this.taken > 0;
  }
}

function digits(number: u64): string {
  return number.toString(16).padStart(16, "0");
}
