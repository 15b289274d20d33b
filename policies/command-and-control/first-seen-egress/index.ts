// SPDX-License-Identifier: Apache-2.0
// What is learnt is the program's path, the address and the port. It is forgotten with the host: a restart
// learns anew.
import { CidrSet, Connect, Errno, FirstSeen, hours, keyOf, keyOfAddr, keys, minutes, param, Priority, ProgramSet, rule } from "vedette";

const LEARNING = minutes(<u64>param.int("learn_minutes"));
const INTERNAL = new CidrSet(param.strings("internal"));
const ALLOWED = new ProgramSet(param.strings("allow"));
const PLACES = new FirstSeen(hours(24), 8192);
let begun: u64 = 0;

@rule({
  name: "Egress to a new place",
  desc: "A program connected to a public address and port for the first time since learning ended",
  priority: Priority.Notice,
  tags: ["T1041", "T1071", "TA0011"],
  output: "A program connects to a place it did not know | connection=%fd.name process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function newPlace(e: Connect): bool {
  if (e.failed && !e.failedWith(Errno.EINPROGRESS)) return false;
  if (begun == 0) begun = e.time;
  const ip = e.addr.ip;
  if (!ip.exists || INTERNAL.has(ip)) return false;
  const isNew = PLACES.isNew(e, keys(keyOf(e.proc.exepath), keyOfAddr(ip), e.addr.port));
  return isNew && e.time - begun > LEARNING && !ALLOWED.has(e.proc);
}
