// SPDX-License-Identifier: Apache-2.0
// Three things in a row: a program that fetches has a connection, it makes a file, and one of its relatives
// executes a file that changed since. The executable's change time is the kernel's, so a file that was there
// before is not blamed, nor is one of the image: an image that is young itself holds young programs.
import { AnyOpen, Errno, Event, EventId, has, isOpenWrite, OpenFlag, param, Priority, rule, seconds, Sequence, StringSet } from "vedette";

const DOWNLOADERS = new StringSet(param.strings("downloaders"));
const WINDOW = seconds(<u64>param.int("seconds"));
const CONNECTED = new Sequence(WINDOW, 0);
const DOWNLOADED = new Sequence(WINDOW, 2);

@rule({
  name: "Downloaded program executed",
  desc: "A file was executed that changed since a relative of the process downloaded something",
  priority: Priority.Critical,
  tags: ["T1105", "T1059", "TA0011"],
  output: "A program was executed that was just downloaded | file=%proc.exepath process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
  events: ["connect", "open", "openat", "openat2", "creat", "execve", "execveat"],
})
export function downloadedExecuted(e: Event): bool {
  if (e.evt_type == EventId.execve || e.evt_type == EventId.execveat) return isYoung(e) && DOWNLOADED.follows(e);
  if (!DOWNLOADERS.has(e.proc.name)) return false;
  if (e.evt_type == EventId.connect) {
    if ((!e.failed || e.failedWith(Errno.EINPROGRESS)) && e.fd.isInetSocket) CONNECTED.begin(e);
  } else if (makesFile(changetype<AnyOpen>(e)) && CONNECTED.follows(e)) {
    DOWNLOADED.begin(e);
  }
  return false;
}

function makesFile(e: AnyOpen): bool {
  return !e.failed && isOpenWrite(e.flags) && (e.evt_type == EventId.creat || has(e.flags, OpenFlag.O_CREAT));
}

function isYoung(e: Event): bool {
  const changed = e.proc.exe_ctime;
  return !e.failed && !e.proc.exe_of_image && changed <= e.time && e.time - changed <= WINDOW;
}
