// SPDX-License-Identifier: Apache-2.0
// ECS Exec starts its processes beside the workload, not below it; what they start is below them.
import { AnyExec, param, Priority, rule, StringSet } from "vedette";

const SHELLS = new StringSet(param.strings("shells"));
const AGENTS = new StringSet(param.strings("agents"));
const NO_TERMINAL: u64 = 0;

@rule({
  name: "Session by ECS Exec",
  desc: "A command was started in the container through ECS Exec",
  priority: Priority.Notice,
  tags: ["T1609", "TA0002"],
  output: "A command came in by ECS Exec | tty=%proc.tty process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function execSession(e: AnyExec): bool {
  return !e.failed && e.proc.hasAncestorNamed(AGENTS) && !AGENTS.has(e.proc.name);
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
  return e.proc.tty != NO_TERMINAL && e.proc.tty < 0x8000000000000000 && !e.proc.hasAncestorNamed(AGENTS);
}
