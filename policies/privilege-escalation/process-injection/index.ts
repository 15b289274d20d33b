// SPDX-License-Identifier: Apache-2.0
// PTRACE_TRACEME is a child asking for a debugger, not an attack; reading another's memory (PEEK) is left to
// those who want noise.
//
// A process that looks at itself needs a child for it, since no thread may trace its own process:
// LeakSanitizer attaches so, and writers of core dumps. A child that has executed nothing runs its parent's
// code, and gains nothing over it. Whether it has is remembered from its birth; what was forgotten is taken
// for an attack.
import {
  AnyOpen, Event, EventId, Glob, hours, isOpenWrite, Memo, param, Priority, ProcessVmWritev, ProgramSet, Ptrace, PtraceRequest, rule,
} from "vedette";

const ALLOWED = new ProgramSet(param.strings("allow"));
const MEMORY = new Glob("/proc/*/mem");
/** Children that have executed nothing since they were made. */
const UNCHANGED = new Memo(hours(24), 4096);
/** By thread that is not its process's first: the process. */
const THREADS = new Memo(hours(24), 16384);

@rule({
  name: "Process injection",
  desc: "A process attached to another as a debugger or wrote into its memory, or tried to",
  priority: Priority.Critical,
  tags: ["T1055.008", "T1055.009", "TA0004"],
  output: "A process reaches into another | call=%evt.type result=%evt.res file=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["ptrace", "process_vm_writev", "open", "openat", "openat2", "clone", "clone3", "fork", "vfork", "execve", "execveat"],
})
export function processInjection(e: Event): bool {
  switch (e.evt_type) {
    case EventId.execve:
    case EventId.execveat:
      if (!e.failed) UNCHANGED.delete(e.proc.key);
      return false;
    case EventId.clone:
    case EventId.clone3:
    case EventId.fork:
    case EventId.vfork:
      if (e.res == 0) born(e);
      return false;
    default:
      return reachesIn(e) && !ALLOWED.has(e.proc);
  }
}

function born(e: Event): void {
  if (e.tid == e.proc.pid) UNCHANGED.set(e, e.proc.key, 1);
  else THREADS.set(e, <u64>e.tid, <i64>e.proc.key);
}

function reachesIn(e: Event): bool {
  if (e.evt_type == EventId.ptrace) {
    const call = changetype<Ptrace>(e);
    return isIntrusive(call.request) && !isOwnParent(e, call.pid);
  }
  if (e.evt_type == EventId.process_vm_writev) return changetype<ProcessVmWritev>(e).pid != e.proc.pid;
  if (!isOpenWrite(changetype<AnyOpen>(e).flags) || !MEMORY.matches(e.fd.name)) return false;
  return !e.fd.name.startsWith("/proc/self/") && !e.fd.name.equals(`/proc/${e.proc.pid}/mem`);
}

/**
 * Whether `tid` is a thread of the process whose code the caller runs: of its parent, since when it has
 * executed nothing.
 */
function isOwnParent(e: Event, tid: i64): bool {
  const parent = e.proc.parent;
  if (!parent.exists || !UNCHANGED.has(e, e.proc.key)) return false;
  return tid == parent.pid || THREADS.get(e, <u64>tid) == <i64>parent.key;
}

function isIntrusive(request: u64): bool {
  return request == PtraceRequest.PTRACE_ATTACH || request == PtraceRequest.PTRACE_SEIZE ||
    request == PtraceRequest.PTRACE_POKETEXT || request == PtraceRequest.PTRACE_POKEDATA || request == PtraceRequest.PTRACE_SETREGS;
}
