// SPDX-License-Identifier: Apache-2.0
// dns.question.name and dns.question.type: what a call asks a name server for, at port 53. A name of which
// not all was kept is none.
import { DnsQuery } from "../dns/dns-query";
import { Event } from "../event";
import { Str } from "../str";
import { Room } from "./room";

const PORT: u64 = 53;

// @ts-ignore: decorator
@lazy const query: DnsQuery = new DnsQuery();
// @ts-ignore: decorator
@lazy const nothing: Room = new Room();

/** dns.question.name */
export function questionName(e: Event): Str {
  return isAsked(e) ? query.name : nothing.none();
}

/** dns.question.type as its number; absent where there is no question. */
export function questionType(e: Event): i64 {
  return isAsked(e) ? <i64>query.typeNumber : i64.MIN_VALUE;
}

function isAsked(e: Event): bool {
  return e.fd.isInetSocket && e.fd.sport == PORT && query.read(e) && !query.isCut;
}
