// SPDX-License-Identifier: Apache-2.0
// What reaches for the agent's own process, and what is not true of a record, the agent knows best: it tells
// of it by notices.
//
// Who looks at all processes looks at the agent too. That is no attack, as long as a program of the image
// does it that is there for nothing else, and looks at what tells it nothing: the agent has no secret in its
// environment. Its memory is nobody's to look at.
import { AnyOpen, Connect, Notice, param, PathSet, Priority, ProgramSet, rule, StringSet, VedetteNotice } from "vedette";

const FILES = new PathSet(param.strings("files"));
const LOOKERS = new ProgramSet(param.strings("lookers"));
const READ_OF_ITS_FILES = "its files in /proc: ";
const HANDLE = "a descriptor of its process";
const LOOKED_AT = new StringSet(["environ", "maps", "smaps", "smaps_rollup", "numa_maps", "fd", "fdinfo", "root", "cwd", "io"]);

@rule({
  name: "Vedette's files touched",
  desc: "A process opened a file of Vedette's, its secret among them",
  priority: Priority.Critical,
  tags: ["T1562.001", "TA0005"],
  dedup: ["fd.name", "proc.exepath"],
  output: "A file of Vedette's was touched | file=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function filesTouched(e: AnyOpen): bool {
  return FILES.has(e.fd.realpath) || FILES.has(e.fd.name);
}

@rule({
  name: "Vedette's socket used",
  desc: "A process connected to the socket on which agents report",
  priority: Priority.Critical,
  tags: ["T1562.006", "TA0005"],
  dedup: ["fd.name", "proc.exepath"],
  output: "Somebody speaks to Vedette's host | socket=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function socketUsed(e: Connect): bool {
  return FILES.has(e.addr.path);
}

@rule({
  name: "Agent attacked",
  desc: "A process reached for the agent's own: its memory, its files in /proc, its descriptors, limits or scheduling, or sent it a signal " +
    "that would end or hold it",
  priority: Priority.Critical,
  tags: ["T1562.001", "TA0005"],
  dedup: ["evt.arg.call", "evt.arg.text", "proc.pid"],
  output: "The agent was attacked | call=%evt.arg.call reached_for=%evt.arg.text value=%evt.arg.value process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function agentAttacked(e: VedetteNotice): bool {
  return e.kind == Notice.AGENT_ATTACKED && !(looks(e) && LOOKERS.has(e.proc));
}

@rule({
  name: "Records tampered with",
  desc: "A process changed, skipped or invented records of the inline tier, or reached for the memory they are made in",
  priority: Priority.Critical,
  tags: ["T1562.006", "TA0005"],
  dedup: ["evt.arg.text", "proc.pid"],
  output: "What a process does is not what it records | found=%evt.arg.text value=%evt.arg.value process=%proc.name " +
    "exe=%proc.exepath command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function recordsTamperedWith(e: VedetteNotice): bool {
  return e.kind == Notice.TAMPER || e.kind == Notice.MISMATCH;
}

// Who it was nobody knows, so no process is named.
@rule({
  name: "Unrecorded open",
  desc: "The kernel told of an open of a file that policies call sensitive, and no record tells of it: a program skipped its records, or " +
    "somebody opened the file who is not watched, such as another container on a shared volume",
  priority: Priority.Critical,
  tags: ["T1562.006", "T1552.001", "TA0005"],
  dedup: ["evt.arg.text"],
  output: "A sensitive file was opened, and no record tells by whom | file=%evt.arg.text container=%container.id",
})
export function unrecordedOpen(e: VedetteNotice): bool {
  return e.kind == Notice.UNRECORDED_OPEN;
}

@rule({
  name: "Call hidden from its record",
  desc: "What a process opened, or connected to, is not what its record names: a path or an address was changed under the call",
  priority: Priority.Critical,
  tags: ["T1562.006", "TA0005"],
  dedup: ["evt.arg.call", "evt.arg.text", "proc.pid"],
  output: "A call did not reach what was recorded | call=%evt.arg.call found=%evt.arg.text process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function callHidden(e: VedetteNotice): bool {
  return e.kind == Notice.UNCERTAIN && e.value != 0;
}

function looks(e: VedetteNotice): bool {
  const text = e.text;
  if (text == HANDLE) return true; // refused, whoever asks; lsns does
  if (!text.startsWith(READ_OF_ITS_FILES)) return false;
  const name = text.slice(READ_OF_ITS_FILES.length);
  return LOOKED_AT.has(name) || name.startsWith("fdinfo/");
}
