// SPDX-License-Identifier: Apache-2.0
// Judged by what the kernel opened, not by what the program said: fd.realpath is the kernel's name of the
// very inode. An open that failed has only the name that was asked for. Where an open was recorded inline and
// its file cannot be named any more, the agent says so ("Call hidden from its record").
import { AnyOpen, Errno, isOpenRead, param, PathSet, Priority, ProgramSet, rule } from "vedette";

const FILES = new PathSet(param.strings("files"));
const ALLOWED = new ProgramSet(param.strings("allow"));

@rule({
  name: "Sensitive file read",
  desc: "A file that holds secrets was opened for reading by a program that is not known to need it",
  priority: Priority.Warning,
  tags: ["T1003.008", "T1552.001", "TA0006"],
  output: "A sensitive file was opened for reading | file=%fd.realpath name=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function sensitiveFileRead(e: AnyOpen): bool {
  if (e.failed || !isOpenRead(e.flags) || !FILES.has(e.fd.path)) return false;
  return !ALLOWED.has(e.proc);
}

@rule({
  name: "Sensitive file refused",
  desc: "The kernel refused to open a file that holds secrets",
  priority: Priority.Notice,
  tags: ["T1003.008", "TA0006"],
  dedup: ["fd.name", "proc.exepath"],
  output: "A sensitive file could not be opened | file=%fd.name result=%evt.res process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function sensitiveFileRefused(e: AnyOpen): bool {
  if (!e.failedWith(Errno.EACCES) && !e.failedWith(Errno.EPERM)) return false;
  return isOpenRead(e.flags) && FILES.has(e.fd.name) && !ALLOWED.has(e.proc);
}
