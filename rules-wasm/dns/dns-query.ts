// SPDX-License-Identifier: Apache-2.0
// The name that a query asks for, for rules about what is sent. It is a query by its form, so a rule asks for
// the port, too. Of a name that was not kept whole there is what was kept, from its begin.
//
//   import { DnsQuery } from "vedette/protocols";
//   const QUERY = new DnsQuery();
//   ... return e.fd.sport == 53 && QUERY.read(e) && QUERY.isBeneath(DOMAINS);
//
// A byte of a label that would read as something else, such as a point, is written by its number: `\046`. So
// each point of a name is one between labels (RFC 4343, 2.1). host/wire/dns.ts and the run-time of compiled
// conditions write names alike.
import { isStream } from "../connection/key";
import { Event } from "../event";
import { AnyWrite, EventId } from "../generated/events";
import { Str } from "../str";
import { StringSet, textHash } from "../string-set";
import { batchSource, setSpan } from "../wire/frame";
import { cutLabel, CUT_QUERY, NAME_MAX, nameSize, OTHER, question, QUERY, readSent, type } from "./message";
import { typeText } from "./words";

const DOT: u8 = 0x2e;
const BACKSLASH: u8 = 0x5c;
/** Bytes of the longest name: each of a label's by its number. */
const TEXT_MAX: usize = 4 * <usize>NAME_MAX;
/** Labels beneath a country's beneath which there are domains: `co.uk`, `com.br`. */
const SUFFIXES: string[] = ["ac", "co", "com", "edu", "go", "gob", "gouv", "gov", "mil", "ne", "net", "nom", "or", "org"];

/** One is made at the top of a file, and read for each event. */
export class DnsQuery {
  private readonly text: usize = heap.alloc(TEXT_MAX + 8);
  private readonly span: usize = heap.alloc(8);
  private readonly suffixes: StringSet = new StringSet(SUFFIXES);
  private size: u32 = 0;
  /** Whether the name goes on with what was not kept. */
  isCut: bool = false;
  /** Bytes of its longest label; of the one that was cut, as many as it has. */
  longestLabel: u32 = 0;

  /**
   * Reads what was sent or written: a datagram, or a message of a stream. Of those that one call has sent,
   * the first. False: it is no query.
   */
  read(e: Event): bool {
    if (e.res <= 0 || !isSent(e.evt_type)) return false;
    const data = changetype<AnyWrite>(e).data;
    const kind = readSent(data.address, data.size, sizeOf(e), isStream(e.fd));
    if (kind != QUERY && kind != CUT_QUERY) return false;
    this.isCut = kind == CUT_QUERY;
    this.size = 0;
    this.longestLabel = this.isCut ? cutLabel : 0;
    for (let from: u32 = 0; from < nameSize && load<u8>(question + from) != 0; ) {
      const length: u32 = load<u8>(question + from);
      if (this.size > 0) this.put(DOT);
      for (let i: u32 = 1; i <= length; i++) this.putSign(load<u8>(question + from + i));
      this.longestLabel = max(this.longestLabel, length);
      from += length + 1;
    }
    if (nameSize == 1) this.put(DOT);
    return true;
  }

  /** As in `api.example.com`, in small letters; `.` for the root. It is good until the next is read. */
  get name(): Str {
    return changetype<Str>(setSpan(this.span, this.text, this.size));
  }

  /** A is 1; of a name that is cut, 0. */
  get typeNumber(): u32 {
    return this.isCut ? 0 : type;
  }

  /** `AAAA`; of a name that is cut, empty. */
  get type(): string {
    return this.isCut ? "" : typeText(type);
  }

  /** Whether the name, or one that it stands beneath, is in the set. */
  isBeneath(domains: StringSet): bool {
    if (this.isCut) return false;
    for (let from: u32 = 0; from < this.size; from++) {
      const isBegin = from == 0 || load<u8>(this.text + from - 1) == DOT;
      if (isBegin && domains.hasBytes(this.text + from, this.size - from)) return true;
    }
    return false;
  }

  /** Where its domain begins: `example.com` of `a.b.example.com`, `example.co.uk` of `a.example.co.uk`. */
  get domainAt(): u32 {
    const top = this.labelAt(this.size), second = top == 0 ? 0 : this.labelAt(top - 1);
    const isSuffix = second != 0 && this.size - top == 2 && this.suffixes.hasBytes(this.text + second, top - 1 - second);
    return isSuffix ? this.labelAt(second - 1) : second;
  }

  /** Of its domain: another number for another agent. */
  get domainKey(): u64 {
    const from = this.domainAt;
    return textHash(this.text + from, this.size - from, batchSource());
  }

  /** Of the whole name: another number for another agent. */
  get nameKey(): u64 {
    return textHash(this.text, this.size, batchSource());
  }

  private put(byte: u8): void {
    store<u8>(this.text + this.size++, byte);
  }

  /** A byte of a label. */
  private putSign(byte: u8): void {
    if (byte > 0x20 && byte < 0x7f && byte != DOT && byte != BACKSLASH) return this.put(byte);
    this.put(BACKSLASH);
    for (let unit: u8 = 100; unit > 0; unit /= 10) this.put(0x30 + ((byte / unit) % 10));
  }

  /** Where the label begins that ends there. */
  private labelAt(end: u32): u32 {
    let from = end;
    while (from > 0 && load<u8>(this.text + from - 1) != DOT) from--;
    return from;
  }
}

/** Whether bytes left by it in their order. */
function isSent(type: u32): bool {
  switch (type) {
    case EventId.sendto:
    case EventId.sendmsg:
    case EventId.sendmmsg:
    case EventId.write:
    case EventId.writev:
      return true;
    default:
      return false;
  }
}

/** Bytes of the message. What sendmmsg gives says how many it has sent, and not how long they are. */
function sizeOf(e: Event): u64 {
  return e.evt_type == EventId.sendmmsg ? u64.MAX_VALUE : <u64>e.res;
}
