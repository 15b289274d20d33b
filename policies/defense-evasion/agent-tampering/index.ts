// SPDX-License-Identifier: Apache-2.0
// The agent is the parent of the workload's first process. Its name tells it from whoever started it: the oldest ancestor that has it,
// since a program may call itself so. Where no ancestor outside the workload is known, it is the parent of the oldest.
import {
  AnyOpen, Connect, Event, EventId, Kill, Notice, Process, ProcessVmWritev, param, PathSet, Priority, Ptrace, rule, Signal, VedetteNotice,
} from "vedette";

const FILES = new PathSet(param.strings("files"));
const AGENT = "vedette-capture";
const ANCESTORS_MAX = 64;

@rule({
  name: "Vedette's files touched",
  desc: "A process opened a file of Vedette's, its secret among them",
  priority: Priority.Critical,
  tags: ["T1562.001", "TA0005"],
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
  output: "Somebody speaks to Vedette's host | socket=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function socketUsed(e: Connect): bool {
  return FILES.has(e.addr.path);
}

@rule({
  name: "Agent attacked",
  desc: "A process tried to stop, kill or change the agent",
  priority: Priority.Critical,
  tags: ["T1562.001", "TA0005"],
  output: "The agent was attacked | call=%evt.type result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["kill", "ptrace", "process_vm_writev"],
})
export function agentAttacked(e: Event): bool {
  const agent = agentOf(e.proc);
  if (agent <= 0) return false;
  if (e.evt_type == EventId.ptrace) return changetype<Ptrace>(e).pid == agent;
  if (e.evt_type == EventId.process_vm_writev) return changetype<ProcessVmWritev>(e).pid == agent;
  const kill = changetype<Kill>(e);
  return kill.pid == agent && (kill.sig == Signal.SIGKILL || kill.sig == Signal.SIGSTOP);
}

@rule({
  name: "Records tampered with",
  desc: "A process changed, skipped or invented records of the inline tier, or reached for the memory they are made in",
  priority: Priority.Critical,
  tags: ["T1562.006", "TA0005"],
  output: "What a process does is not what it records | found=%evt.arg.text value=%evt.arg.value process=%proc.name " +
    "exe=%proc.exepath command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function recordsTamperedWith(e: VedetteNotice): bool {
  return e.kind == Notice.TAMPER || e.kind == Notice.MISMATCH;
}

function agentOf(process: Process): i64 {
  let oldest: Process = process;
  let agent: i64 = 0;
  for (let i = 0; i < ANCESTORS_MAX && oldest.parent.exists; i++) {
    oldest = oldest.parent;
    if (oldest.name.equals(AGENT)) agent = oldest.pid;
  }
  return agent != 0 ? agent : oldest.ppid;
}
