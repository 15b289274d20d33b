// SPDX-License-Identifier: Apache-2.0
// A reverse shell is a shell whose stdin is a socket when it is executed. Looking at the descriptor rather
// than at the command line sees all of them alike: what made the connection, and how it was put on descriptor
// 0, does not matter.
import { AnyExec, note, param, Priority, ProgramSet, rule, StringSet } from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const ALLOWED_PARENTS = new ProgramSet(param.strings("allow"));

@rule({
  name: "Shell on a socket",
  desc: "A shell was started whose standard input is a network connection",
  priority: Priority.Critical,
  tags: ["T1059.004", "TA0011"],
  output: "A shell takes its commands from the network | command=%proc.cmdline exe=%proc.exepath parent=%proc.pname " +
    "gparent=%proc.aname[2] user=%user.name pid=%proc.pid container=%container.id",
})
export function shellOnSocket(e: AnyExec): bool {
  if (e.failed || !e.proc.stdin.isInetSocket) return false;
  if (!isShell(e) || ALLOWED_PARENTS.has(e.proc.parent)) return false;
  note(`connection=${e.proc.stdin.name.toString()}`); // the event has no descriptor of its own to name
  return true;
}

/**
 * By name, or by what the executable is called: a program may give itself another argv[0], and comm follows
 * the link.
 */
function isShell(e: AnyExec): bool {
  return SHELLS.has(e.proc.name) || SHELLS.has(e.proc.exepath.basename);
}
