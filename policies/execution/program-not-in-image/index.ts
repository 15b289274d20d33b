// SPDX-License-Identifier: Apache-2.0
// Drift by two signs. An overlay's upper layer is the kernel's own word that the file is not the image's.
// Where there is no overlay (a volume, another storage driver) the file's change time is compared with the
// start of the workload: the oldest ancestor in the same container that is known. A change time cannot be set
// back from inside a container.
import { AnyExec, param, PathSet, Priority, Process, rule } from "vedette";

const ALLOWED = new PathSet(param.strings("allow"));
const ANCESTORS_MAX = 64;
/**
 * A start that /proc tells is of the tick before it, of 10 ms (proc_pid_stat(5)); a change time can be one of
 * the kernel's ticks old.
 */
const TICKS_NS: u64 = 20_000_000;

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
  if (changed >= 0x8000000000000000 || process.container_id.isEmpty || isFileless(process)) return false;
  const begun = begunAt(process);
  return begun != 0 && changed > begun + TICKS_NS;
}

/** When the oldest ancestor in the process's container whose start is known was started; 0: none is known. */
function begunAt(process: Process): u64 {
  let begun: u64 = 0;
  const container = process.containerKey;
  let ancestor = process.parent;
  for (let i = 0; i < ANCESTORS_MAX && ancestor.exists && ancestor.containerKey == container; i++) {
    const start = ancestor.start_time;
    if (start != 0 && start < 0x8000000000000000) begun = start;
    ancestor = ancestor.parent;
  }
  return begun;
}

/** What was never a file is another policy's. */
function isFileless(process: Process): bool {
  return process.is_exe_from_memfd || process.exepath.startsWith("/memfd:") || process.exepath.startsWith("memfd:");
}
