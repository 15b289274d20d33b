// SPDX-License-Identifier: Apache-2.0
// PTRACE_TRACEME is a child asking for a debugger, not an attack; reading another's memory (PEEK) is left to those who want noise.
import { AnyOpen, Event, EventId, isOpenWrite, Glob, param, PathSet, Priority, ProcessVmWritev, Ptrace, PtraceRequest, rule, StringSet } from "vedette";

const ALLOWED = param.strings("allow");
const ALLOWED_NAMES = new StringSet(ALLOWED);
const ALLOWED_PATHS = new PathSet(ALLOWED);
const MEMORY = new Glob("/proc/*/mem");

@rule({
  name: "Process injection",
  desc: "A process attached to another as a debugger or wrote into its memory, or tried to",
  priority: Priority.Critical,
  tags: ["T1055.008", "T1055.009", "TA0004"],
  output: "A process reaches into another | call=%evt.type result=%evt.res file=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["ptrace", "process_vm_writev", "open", "openat", "openat2"],
})
export function processInjection(e: Event): bool {
  return reachesIn(e) && !e.proc.isOneOf(ALLOWED_NAMES, ALLOWED_PATHS);
}

function reachesIn(e: Event): bool {
  if (e.evt_type == EventId.ptrace) return isIntrusive(changetype<Ptrace>(e).request);
  if (e.evt_type == EventId.process_vm_writev) return changetype<ProcessVmWritev>(e).pid != e.proc.pid;
  if (!isOpenWrite(changetype<AnyOpen>(e).flags) || !MEMORY.matches(e.fd.name)) return false;
  return !e.fd.name.startsWith("/proc/self/") && !e.fd.name.equals(`/proc/${e.proc.pid}/mem`);
}

function isIntrusive(request: u64): bool {
  return request == PtraceRequest.PTRACE_ATTACH || request == PtraceRequest.PTRACE_SEIZE ||
    request == PtraceRequest.PTRACE_POKETEXT || request == PtraceRequest.PTRACE_POKEDATA || request == PtraceRequest.PTRACE_SETREGS;
}
