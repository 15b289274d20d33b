// SPDX-License-Identifier: Apache-2.0
// There is no instance metadata on Fargate: what asks for it was written for another place, or by somebody
// who does not know where he is. An attempt counts, whatever came of it.
import { AnySend, CidrSet, Connect, param, Priority, Process, ProgramSet, rule } from "vedette";

const ADDRESSES = new CidrSet(param.strings("addresses"));
const ALLOWED = new ProgramSet(param.strings("allow"));

@rule({
  name: "Instance metadata requested",
  desc: "A program connected to the instance metadata service, which Fargate does not have",
  priority: Priority.Warning,
  tags: ["T1552.005", "TA0006"],
  output: "A program asks for instance metadata | connection=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function metadataRequested(e: Connect): bool {
  return ADDRESSES.has(e.addr.ip.exists ? e.addr.ip : e.fd.sip) && !isAllowed(e.proc);
}

@rule({
  name: "Instance metadata requested without a connection",
  desc: "A datagram was sent to the address of the instance metadata service",
  priority: Priority.Notice,
  tags: ["T1552.005", "TA0006"],
  output: "A datagram goes to the instance metadata's address | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline user=%user.name pid=%proc.pid container=%container.id",
})
export function metadataDatagram(e: AnySend): bool {
  // What goes over a connection was judged when it was made.
  return !e.fd.connected && ADDRESSES.has(e.addr.ip) && !isAllowed(e.proc);
}

function isAllowed(process: Process): bool {
  return ALLOWED.has(process);
}
