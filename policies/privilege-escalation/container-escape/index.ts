// SPDX-License-Identifier: Apache-2.0
// Success does not matter: a service has no reason to try. unshare counts only for namespaces that matter to an escape,
// open_tree only where it clones.
import { AnyOpen, Event, EventId, hasAny, CloneFlag, isOpenWrite, OpenTree, OpenTreeFlag, param, PathSet, Priority, rule, StringSet, Unshare } from "vedette";

const ALLOWED = param.strings("allow");
const ALLOWED_NAMES = new StringSet(ALLOWED);
const ALLOWED_PATHS = new PathSet(ALLOWED);
const LEVERS = new PathSet(param.strings("levers"));
const NAMESPACES: u64 = CloneFlag.CLONE_NEWUSER | CloneFlag.CLONE_NEWNS | CloneFlag.CLONE_NEWCGROUP;

@rule({
  name: "Escape attempt",
  desc: "A call was made that only an escape from the container needs",
  priority: Priority.Critical,
  tags: ["T1611", "TA0004"],
  output: "A call that has no place in a container | call=%evt.type result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["mount", "umount2", "pivot_root", "setns", "unshare", "init_module", "finit_module", "delete_module", "bpf", "userfaultfd", "open_by_handle_at", "quotactl", "swapon", "reboot",
    "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "mount_setattr", "open_tree", "open_tree_attr", "quotactl_fd", "swapoff", "kexec_load", "kexec_file_load", "iopl", "ioperm", "acct"],
})
export function escapeAttempt(e: Event): bool {
  if (e.evt_type == EventId.unshare && !hasAny(changetype<Unshare>(e).flags, NAMESPACES)) return false;
  if (e.evt_type == EventId.open_tree && !hasAny(changetype<OpenTree>(e).flags, OpenTreeFlag.OPEN_TREE_CLONE)) return false;
  return !e.proc.isOneOf(ALLOWED_NAMES, ALLOWED_PATHS);
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
  return !e.proc.isOneOf(ALLOWED_NAMES, ALLOWED_PATHS);
}
