// SPDX-License-Identifier: Apache-2.0
// What comes in by ECS Exec, `docker exec` or nsenter does not descend from the workload: the agent finds it
// and says by which process it came (proc.session). ECS Exec's own processes are known by their executables,
// which the platform mounts.
import { AnyExec, Notice, param, Priority, ProgramSet, rule, StringSet, VedetteNotice } from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const AGENTS = new ProgramSet(param.strings("agents"));
const NO_TERMINAL: u64 = 0;

@rule({
  name: "Session from outside",
  desc: "A command was started in the container by somebody outside: ECS Exec, docker exec, nsenter",
  priority: Priority.Notice,
  tags: ["T1609", "TA0002"],
  output: "A command came in from outside | session=%vedette.session tty=%proc.tty process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function session(e: AnyExec): bool {
  return !e.failed && isOfSession(e) && !AGENTS.has(e.proc);
}

@rule({
  name: "Session that cannot be captured",
  desc: "Somebody came into the container from outside, and the kernel does not let the agent see what they do",
  priority: Priority.Warning,
  tags: ["T1609", "TA0002"],
  output: "A session cannot be captured | reason=%evt.arg.text session=%vedette.session process=%proc.name " +
    "command=%proc.cmdline user=%user.uid pid=%proc.pid container=%container.id",
})
export function blindSession(e: VedetteNotice): bool {
  return e.kind == Notice.STRANGER;
}

@rule({
  name: "Shell in a terminal",
  desc: "A shell with a terminal was started in a container",
  priority: Priority.Notice,
  tags: ["T1059.004", "TA0002"],
  output: "A shell with a terminal was started | tty=%proc.tty process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function terminalShell(e: AnyExec): bool {
  if (e.failed || e.proc.container_id.isEmpty || !SHELLS.has(e.proc.name)) return false;
  return e.proc.tty != NO_TERMINAL && e.proc.tty < 0x8000000000000000 && !isOfSession(e);
}

function isOfSession(e: AnyExec): bool {
  return e.proc.session > 0 || AGENTS.hasAncestorOf(e.proc);
}
