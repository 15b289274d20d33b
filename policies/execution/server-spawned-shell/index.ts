// SPDX-License-Identifier: Apache-2.0
// Whoever accepts a connection from the network is a server for some time; at each shell we ask whether it descends from one. No
// list of server names: a vulnerable service may be called anything.
//
// Over loopback a proxy brings a service its connections, so they count too; but a process that is its own client (a health check, a
// test) serves nobody. Connections that it made to its own port are taken from those that it accepted there: in any order, since
// either end may be heard of first.
import {
  Connect, Errno, Event, EventId, keys, Memo, minutes, param, Priority, Process, rule, Sequence, StringSet,
} from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const TOOLS = new StringSet(param.strings("tools"));
const ALLOWED = new StringSet(param.strings("allow"));
const TIME = minutes(<u64>param.int("minutes"));
const SERVERS = new Sequence(TIME, 0);
/** By process, the port on which it last accepted a connection over loopback; by both, connections there that were not its own. */
const PORTS = new Memo(TIME);
const OTHERS = new Memo(TIME);
const ANCESTORS_MAX = 64;

@rule({
  name: "Shell spawned by a server",
  desc: "A shell or a tool of reconnaissance was started by a process that takes connections from the network",
  priority: Priority.Warning,
  tags: ["T1190", "T1059.004", "T1505.003", "TA0002"],
  output: "A server started a shell | gparent=%proc.aname[2] process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["accept", "accept4", "connect", "execve", "execveat"],
})
export function shellOfServer(e: Event): bool {
  if (e.evt_type == EventId.connect) {
    connected(changetype<Connect>(e));
    return false;
  }
  if (e.failed) return false;
  if (e.evt_type == EventId.accept || e.evt_type == EventId.accept4) {
    accepted(e);
    return false;
  }
  if (!SHELLS.has(e.proc.name) && !TOOLS.has(e.proc.name)) return false;
  return (SERVERS.follows(e) || servesLocally(e)) && !e.proc.hasAncestorNamed(ALLOWED);
}

function accepted(e: Event): void {
  if (!e.fd.isInetSocket) return;
  if (!e.fd.cip.isLoopback) {
    SERVERS.begin(e);
    return;
  }
  PORTS.set(e, e.proc.key, <i64>e.fd.sport);
  OTHERS.add(e, keys(e.proc.key, e.fd.sport), 1);
}

function connected(e: Connect): void {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return;
  if (e.addr.ip.isLoopback) OTHERS.add(e, keys(e.proc.key, e.addr.port), -1);
}

function servesLocally(e: Event): bool {
  let process: Process = e.proc;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (PORTS.has(e, process.key) && OTHERS.get(e, keys(process.key, <u64>PORTS.get(e, process.key))) > 0) return true;
    process = process.parent;
  }
  return false;
}
