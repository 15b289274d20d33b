// SPDX-License-Identifier: Apache-2.0
// The kernel says what was executed: an anonymous file's link reads /memfd:NAME, an unlinked one's ends in
// (deleted). The name that was passed (/proc/self/fd/3, or nothing with AT_EMPTY_PATH) plays no part.
import { AnyExec, param, Priority, ProgramSet, rule, SelfCopies } from "vedette";

const COPIES = new SelfCopies(new ProgramSet(param.strings("allow")));

@rule({
  name: "Program executed from memory",
  desc: "A program was executed that is no file on disk",
  priority: Priority.Critical,
  tags: ["T1620", "TA0005"],
  output: "A program was executed from memory | file=%proc.exepath process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function executedFromMemory(e: AnyExec): bool {
  if (e.failed) return false;
  COPIES.executed(e);
  return isFileless(e) && !COPIES.has(e);
}

function isFileless(e: AnyExec): bool {
  const path = e.proc.exepath;
  return e.proc.is_exe_from_memfd || path.startsWith("/memfd:") || path.startsWith("memfd:") || path.endsWith(" (deleted)");
}
