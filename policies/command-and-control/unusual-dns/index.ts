// SPDX-License-Identifier: Apache-2.0
// By port and address; names themselves are in the payload, which may be cut or not recorded.
import { AnySend, CidrSet, Connect, Counter, Errno, minutes, param, Priority, ProgramSet, rule } from "vedette";

const RESOLVERS = new CidrSet(param.strings("resolvers"));
const LIMIT = <u32>param.int("queries");
const ALLOWED = new ProgramSet(param.strings("allow"));
const QUERIES = new Counter(minutes(1));
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
})
export function dnsByTheHundred(e: AnySend): bool {
  if (e.failed || !e.fd.isInetSocket || e.fd.sport != DNS) return false;
  return QUERIES.hit(e, e.proc.key) == LIMIT && !ALLOWED.has(e.proc);
}
