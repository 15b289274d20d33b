// SPDX-License-Identifier: Apache-2.0
// Only new targets count, so that a client with many connections to one server is no scanner. It is told once
// each time the limit is reached.
import { Connect, Counter, FirstSeen, keyOfAddr, keys, param, Priority, ProgramSet, rule, seconds } from "vedette";

const LIMIT = <u32>param.int("targets");
const WINDOW = seconds(<u64>param.int("seconds"));
const ALLOWED = new ProgramSet(param.strings("allow"));
const TARGETS = new FirstSeen(WINDOW, 16384);
const COUNTS = new Counter(WINDOW);

@rule({
  name: "Port scan",
  desc: "A process connected to many different addresses or ports in a short time",
  priority: Priority.Warning,
  tags: ["T1046", "TA0007"],
  output: "A process looks for open ports | last=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function portScan(e: Connect): bool {
  const ip = e.addr.ip;
  if (!ip.exists || !TARGETS.isNew(e, keys(e.proc.key, keyOfAddr(ip), e.addr.port))) return false;
  return COUNTS.hit(e, e.proc.key) == LIMIT && !ALLOWED.has(e.proc);
}
