// SPDX-License-Identifier: Apache-2.0
// Where /proc is. The mount at /proc may show the processes of another pid namespace (`unshare -pf` without
// --mount-proc, `nsenter -p` without -m): under every number it tells of somebody else. Then we open a procfs
// of our own namespace: a mount that is attached nowhere (fsopen, fsmount, Linux 5.2), of which we alone have
// a descriptor. The workload's mounts stay as they are.
//
// Whoever asks about a process uses ProcPath (proc.h), which begins here. Names that the workload has used
// ("/proc/4711/maps") are looked up where they stand, because they mean what its own /proc shows.
#pragma once

#include <optional>

#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"

namespace vedette {

enum class ProcFolder {
  Mounted,  // what is mounted at /proc is ours
  Opened,   // it is not, and we have opened our own
  Foreign,  // it is not, and we may not open our own
  Missing,  // nothing is mounted there, and we may not open our own
};

struct ProcSettled {
  ProcFolder folder = ProcFolder::Mounted;
  Errno why = Errno(0);  // of Foreign and Missing
};

// Once, before anything else asks /proc.
ProcSettled settle_proc();

// The descriptor that names below /proc start at; -1 where /proc itself is ours.
int opened_proc();
inline bool is_proc_opened() { return opened_proc() >= 0; }

// The number under which the /proc that the workload has shows this process. Where it does not show it: none.
std::optional<Tid> number_in_mounted_proc(Tid process);
// The other way round: whether the workload's /proc shows a thread of this process under this number.
bool is_of_in_mounted_proc(Tid process, Tid number);

}  // namespace vedette
