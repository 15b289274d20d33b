// SPDX-License-Identifier: Apache-2.0
// Drift by two signs. An overlay's upper layer is the kernel's own word that the file is not the image's. Where there is no
// overlay (a volume, another storage driver) the file's change time is compared with the start of the workload: the oldest
// ancestor that is known. A change time cannot be set back from inside a container.
import { AnyExec, param, PathSet, Priority, Process, rule } from "vedette";

const ALLOWED = new PathSet(param.strings("allow"));
const ANCESTORS_MAX = 64;

@rule({
  name: "Program not in the image",
  desc: "A program was executed that the image does not hold: it was written or changed after the container began",
  priority: Priority.Critical,
  tags: ["T1105", "TA0002"],
  output: "A program that is not the image's was executed | file=%proc.exepath process=%proc.name exe=%proc.exepath " +
    "command=%proc.cmdline parent=%proc.pname user=%user.name pid=%proc.pid container=%container.id",
})
export function programNotInImage(e: AnyExec): bool {
  if (e.failed || ALLOWED.has(e.proc.exepath)) return false;
  return e.proc.is_exe_upper_layer || isNewer(e.proc);
}

function isNewer(process: Process): bool {
  const changed = process.exe_ctime;
  if (changed >= 0x8000000000000000 || process.container_id.isEmpty) return false;
  let oldest: Process = process;
  for (let i = 0; i < ANCESTORS_MAX && oldest.parent.exists; i++) oldest = oldest.parent;
  return changed > oldest.start_time && oldest.pid != process.pid;
}
