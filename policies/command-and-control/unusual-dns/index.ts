// SPDX-License-Identifier: Apache-2.0
// By port and address, and by names as far as they were kept: with the 80 bytes of `--snaplen` those of 63
// bytes are whole, and of longer ones the begin is there. Go's resolver writes its queries.
import {
  CidrSet, Connect, Counter, Errno, Event, FirstSeen, keys, minutes, note, param, Priority, ProgramSet, rule, StringSet,
} from "vedette";
import { DnsQuery } from "vedette/protocols";

const RESOLVERS = new CidrSet(param.strings("resolvers"));
const LIMIT = <u32>param.int("queries");
const ALLOWED = new ProgramSet(param.strings("allow"));
const QUERIES = new Counter(minutes(1));
const DOMAINS = new StringSet(param.strings("domains"));
const CARRIERS = new StringSet(param.strings("carriers"));
const NAMES_LIMIT = <u32>param.int("names");
const NAMES = new FirstSeen(minutes(5), 2048);
const LONG_NAMES = new Counter(minutes(5));
const QUERY = new DnsQuery();
const TOLD = new FirstSeen(minutes(5), 2048);
const TOLD_NAMES = new Counter(minutes(5));
const NOTES = new Counter(minutes(1), 8);
/** Suspicious names of one process that are told within five minutes. */
const TOLD_MAX: u32 = 20;
/** Notes of all processes within a minute: each takes memory, which is given back after a batch only. */
const NOTES_MAX: u32 = 500;
/** Bytes before the domain of a name that may carry data. */
const LONG: u32 = 32;
/** Bytes of a label that may carry data. A name that is cut needs one, since its domain is not known. */
const LONG_LABEL: u32 = 40;
const DNS: u64 = 53;
const DNS_TLS: u64 = 853;

@rule({
  name: "DNS past the resolver",
  desc: "A program asked for names at an address that is none of the network's resolvers",
  priority: Priority.Notice,
  tags: ["T1071.004", "TA0011"],
  output: "Names are asked for past the resolver | connection=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function dnsPastResolver(e: Connect): bool {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return false;
  if (!e.addr.ip.exists || (e.addr.port != DNS && e.addr.port != DNS_TLS)) return false;
  return !RESOLVERS.has(e.addr.ip) && !ALLOWED.has(e.proc);
}

@rule({
  name: "DNS by the hundred",
  desc: "A process sent so many queries in a minute that it may carry data in them",
  priority: Priority.Warning,
  tags: ["T1071.004", "T1048", "TA0010"],
  output: "A process asks for very many names | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["sendto", "sendmsg", "sendmmsg", "write", "writev"],
})
export function dnsByTheHundred(e: Event): bool {
  if (e.fd.sport != DNS || !e.fd.isInetSocket || e.failed) return false;
  return QUERIES.hit(e, e.proc.key) == LIMIT && !ALLOWED.has(e.proc);
}

@rule({
  name: "Suspicious name looked up",
  desc: "A program asked for a name by which attacks report back, coins are mined or Tor is reached",
  priority: Priority.Warning,
  tags: ["T1071.004", "T1568", "TA0011"],
  output: "A suspicious name is asked for | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["sendto", "sendmsg", "sendmmsg", "write", "writev"],
})
export function suspiciousName(e: Event): bool {
  if (!isQuery(e) || !QUERY.isBeneath(DOMAINS)) return false;
  if (!TOLD.isNew(e, keys(e.proc.key, QUERY.nameKey)) || TOLD_NAMES.hit(e, e.proc.key) > TOLD_MAX) return false;
  if (NOTES.hit(e, 1) <= NOTES_MAX) note(`name=${QUERY.name.toString()} type=${QUERY.type}`);
  return true;
}

@rule({
  name: "DNS names that carry data",
  desc: "A process asked for many long names beneath one domain, each of them once: what a tunnel through DNS does",
  priority: Priority.Warning,
  tags: ["T1071.004", "T1572", "T1048", "TA0010"],
  output: "Names carry data | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["sendto", "sendmsg", "sendmmsg", "write", "writev"],
})
export function namesThatCarryData(e: Event): bool {
  if (!isQuery(e) || (QUERY.isCut ? QUERY.longestLabel < LONG_LABEL : QUERY.domainAt < LONG)) return false;
  if (QUERY.isBeneath(CARRIERS)) return false;
  const domain = keys(e.proc.key, QUERY.isCut ? 0 : QUERY.domainKey);
  if (!NAMES.isNew(e, keys(domain, QUERY.nameKey)) || LONG_NAMES.hit(e, domain) != NAMES_LIMIT) return false;
  if (ALLOWED.has(e.proc)) return false;
  note(QUERY.isCut ? `begin=${QUERY.name.toString()}` : `domain=${QUERY.name.slice(QUERY.domainAt).toString()}`);
  return true;
}

function isQuery(e: Event): bool {
  return e.fd.sport == DNS && e.fd.isInetSocket && QUERY.read(e);
}
