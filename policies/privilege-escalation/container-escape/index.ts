// SPDX-License-Identifier: Apache-2.0
// Success does not matter: a service has no reason to try. unshare counts only for namespaces that matter to
// an escape, open_tree only where it clones.
//
// In a user namespace of its own a process is root of what it made there, and of nothing else: sandboxes
// (Chromium, bubblewrap) mount, unshare and pivot there. Such a namespace is told of when it is made, as a
// notice. Who is in one is known by the call that made it: of a process or of one of its ancestors. Calls
// that reach the kernel from any namespace stay attempts there too.
import {
  AnyOpen, Clone, CloneFlag, Clone3, Event, EventId, Fsopen, has, hasAny, hours, isOpenWrite, Memo, Mount, OpenTree, OpenTreeFlag, param, PathSet,
  Priority, Process, ProgramSet, Quotactl, QuotactlFd, rule, SelfCopies, Unshare,
} from "vedette";

const ALLOWED = new ProgramSet(param.strings("allow"));
const COPIES = new SelfCopies(ALLOWED);
const LEVERS = new PathSet(param.strings("levers"));
const NAMESPACES: u64 = CloneFlag.CLONE_NEWUSER | CloneFlag.CLONE_NEWNS | CloneFlag.CLONE_NEWCGROUP;
/** Processes that made a user namespace of their own or were put into one. */
const APART = new Memo(hours(24), 4096);
const ANCESTORS_MAX = 64;
const CGROUPS = "cgroup";
/** A command's last byte says whose quota: users', groups', projects'. */
const QUOTA_KIND_BITS: u64 = 8;
const QUOTA_LOOKS: u64[] = [0x800001, 0x800004, 0x800005, 0x800007, 0x800009, 0x5803, 0x5805, 0x5807, 0x5808, 0x5809];

@rule({
  name: "Escape attempt",
  desc: "A call was made that only an escape from the container needs",
  priority: Priority.Critical,
  tags: ["T1611", "TA0004"],
  output: "A call that has no place in a container | call=%evt.type result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: [
    "mount", "umount2", "pivot_root", "setns", "unshare", "init_module", "finit_module", "delete_module", "bpf", "userfaultfd",
    "open_by_handle_at", "quotactl", "swapon", "reboot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "mount_setattr",
    "open_tree", "open_tree_attr", "quotactl_fd", "swapoff", "kexec_load", "kexec_file_load", "iopl", "ioperm", "acct",
    "clone", "clone3", "execve", "execveat",
  ],
})
export function escapeAttempt(e: Event): bool {
  if (e.evt_type == EventId.execve || e.evt_type == EventId.execveat) {
    if (!e.failed) COPIES.executed(e);
    return false;
  }
  if (e.evt_type == EventId.clone || e.evt_type == EventId.clone3) {
    if (e.res == 0 && has(cloneFlags(e), CloneFlag.CLONE_NEWUSER)) APART.set(e, e.proc.key, 1);
    return false;
  }
  if (e.evt_type == EventId.unshare) {
    const flags = changetype<Unshare>(e).flags;
    if (!hasAny(flags, NAMESPACES)) return false;
    if (has(flags, CloneFlag.CLONE_NEWUSER)) {
      if (!e.failed) APART.set(e, e.proc.key, 1);
      return false; // told of as a user namespace
    }
  }
  if (looksAtQuota(e)) return false;
  if (e.evt_type == EventId.open_tree && !hasAny(changetype<OpenTree>(e).flags, OpenTreeFlag.OPEN_TREE_CLONE)) return false;
  if (staysInside(e) && isApart(e)) return false;
  return !ALLOWED.has(e.proc) && !COPIES.has(e);
}

@rule({
  name: "User namespace made",
  desc: "A process asked for a user namespace of its own: sandboxes do, and so does who wants to reach more of the kernel",
  priority: Priority.Notice,
  tags: ["T1611", "TA0004"],
  output: "A process asks for a user namespace | call=%evt.type result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["unshare", "clone", "clone3"],
})
export function userNamespace(e: Event): bool {
  const isUnshare = e.evt_type == EventId.unshare;
  if (!isUnshare && e.res == 0) return false; // the child's half of what its parent is told for
  const flags = isUnshare ? changetype<Unshare>(e).flags : cloneFlags(e);
  return has(flags, CloneFlag.CLONE_NEWUSER) && !ALLOWED.has(e.proc) && !COPIES.has(e);
}

@rule({
  name: "Kernel lever pulled",
  desc: "A file was opened for writing by which the host's kernel is told what to do",
  priority: Priority.Critical,
  tags: ["T1611", "TA0004"],
  output: "A file of the kernel is opened for writing | file=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function leverPulled(e: AnyOpen): bool {
  if (!isOpenWrite(e.flags) || !(LEVERS.has(e.fd.realpath) || LEVERS.has(e.fd.name))) return false;
  return !ALLOWED.has(e.proc);
}

function cloneFlags(e: Event): u64 {
  return e.evt_type == EventId.clone ? changetype<Clone>(e).flags : changetype<Clone3>(e).flags;
}

/**
 * Whether the call changes the caller's own namespaces and no more. Control groups of the first version take
 * a program to run outside.
 */
function staysInside(e: Event): bool {
  switch (e.evt_type) {
    case EventId.mount:
      return changetype<Mount>(e).type != CGROUPS;
    case EventId.fsopen:
      return changetype<Fsopen>(e).fsname != CGROUPS;
    case EventId.umount2:
    case EventId.pivot_root:
    case EventId.unshare:
    case EventId.fsconfig:
    case EventId.fsmount:
    case EventId.fspick:
    case EventId.move_mount:
    case EventId.mount_setattr:
    case EventId.open_tree:
    case EventId.open_tree_attr:
      return true;
    default:
      return false;
  }
}

/** Asking for a quota is anybody's (Firefox does): Q_SYNC, Q_GET..., and those of XFS. */
function looksAtQuota(e: Event): bool {
  if (e.evt_type != EventId.quotactl && e.evt_type != EventId.quotactl_fd) return false;
  const command = (e.evt_type == EventId.quotactl ? changetype<Quotactl>(e).cmd : changetype<QuotactlFd>(e).cmd) >> QUOTA_KIND_BITS;
  return QUOTA_LOOKS.includes(command);
}

function isApart(e: Event): bool {
  let process: Process = e.proc;
  for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
    if (APART.has(e, process.key)) return true;
    process = process.parent;
  }
  return false;
}
