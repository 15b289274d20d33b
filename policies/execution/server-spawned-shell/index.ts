// SPDX-License-Identifier: Apache-2.0
// Whoever accepts a connection from the network is a server for some time; at each shell we ask whether it descends from one. No
// list of server names: a vulnerable service may be called anything.
import { Event, EventId, minutes, param, Priority, rule, Sequence, StringSet } from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const TOOLS = new StringSet(param.strings("tools"));
const ALLOWED = new StringSet(param.strings("allow"));
const SERVERS = new Sequence(minutes(<u64>param.int("minutes")), 0);

@rule({
  name: "Shell spawned by a server",
  desc: "A shell or a tool of reconnaissance was started by a process that takes connections from the network",
  priority: Priority.Warning,
  tags: ["T1190", "T1059.004", "T1505.003", "TA0002"],
  output: "A server started a shell | gparent=%proc.aname[2] process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["accept", "accept4", "execve", "execveat"],
})
export function shellOfServer(e: Event): bool {
  if (e.failed) return false;
  if (e.evt_type == EventId.accept || e.evt_type == EventId.accept4) {
    if (e.fd.isInetSocket) SERVERS.begin(e);
    return false;
  }
  if (!SHELLS.has(e.proc.name) && !TOOLS.has(e.proc.name)) return false;
  return SERVERS.follows(e) && !e.proc.hasAncestorNamed(ALLOWED);
}
