// SPDX-License-Identifier: Apache-2.0
// Who connects to the credentials' address. The address is taken from the call and from the socket: a
// non-blocking connect fails with EINPROGRESS and still goes through, a refused one is an attempt worth
// knowing, and a datagram needs no connect.
import { Addr, AnySend, CidrSet, Connect, param, Priority, Process, ProgramSet, rule } from "vedette";

const ADDRESSES = new CidrSet(param.strings("addresses"));
const ALLOWED = new ProgramSet(param.strings("allow"));

@rule({
  name: "Task credentials requested",
  desc: "A program that is not known to need them connected to the address that gives out the task's credentials",
  priority: Priority.Warning,
  tags: ["T1552.005", "TA0006"],
  output: "A program asks for the task's credentials | connection=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function credentialsRequested(e: Connect): bool {
  return isCredentials(e.addr.ip, e.fd.sip) && !isAllowed(e.proc);
}

@rule({
  name: "Task credentials requested without a connection",
  desc: "A datagram was sent to the address that gives out the task's credentials",
  priority: Priority.Notice,
  tags: ["T1552.005", "TA0006"],
  output: "A datagram goes to the credentials' address | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline user=%user.name pid=%proc.pid container=%container.id",
})
export function credentialsDatagram(e: AnySend): bool {
  // What goes over a connection was judged when it was made.
  if (e.fd.connected || !ADDRESSES.has(e.addr.ip)) return false;
  return !isAllowed(e.proc);
}

function isCredentials(asked: Addr, connected: Addr): bool {
  return ADDRESSES.has(asked.exists ? asked : connected);
}

function isAllowed(process: Process): bool {
  return ALLOWED.has(process);
}
