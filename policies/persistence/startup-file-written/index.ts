// SPDX-License-Identifier: Apache-2.0
// By the kernel's path, and by the new name of a rename: writing beside and moving into place is how careful
// programs do it.
import { AnyOpen, AnyRename, isOpenWrite, param, PathSet, Priority, ProgramSet, rule } from "vedette";

const FILES = new PathSet(param.strings("files"));
const ALLOWED = new ProgramSet(param.strings("allow"));

@rule({
  name: "Start-up file written",
  desc: "A file was opened for writing that makes something run later or lets somebody in",
  priority: Priority.Error,
  tags: ["T1053.003", "T1098.004", "T1546.004", "T1543", "TA0003"],
  output: "A file that runs things later is written | file=%fd.realpath process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function startupFileWritten(e: AnyOpen): bool {
  if (e.failed || !isOpenWrite(e.flags) || !FILES.has(e.fd.realpath)) return false;
  return !ALLOWED.has(e.proc);
}

@rule({
  name: "Start-up file moved into place",
  desc: "A file was renamed to one that makes something run later or lets somebody in",
  priority: Priority.Error,
  tags: ["T1053.003", "T1098.004", "TA0003"],
  dedup: ["evt.arg.newpath", "proc.exepath"],
  output: "A file that runs things later is put in place | file=%evt.arg.newpath process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function startupFileMoved(e: AnyRename): bool {
  return !e.failed && FILES.has(e.newpath) && !ALLOWED.has(e.proc);
}
