// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/sealing.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <cstdio>
#include <string>
#include <utility>

#include "capture/kernel/proc.h"
#include "capture/tracer/inject.h"
#include "capture/tracer/own_filters.h"

namespace vedette {
namespace {

constexpr size_t kFirstMaps = 4096;  // the segment lies at a low address
constexpr uint64_t kShmat32 = 397;

// By a parent whose fork nobody heard of in time (lives.h, strays).
bool is_attached(const SealedMemory& sealed, const Task& task) {
  std::string maps;
  if (!read_file(ProcPath(task.tid, "maps"), maps, kFirstMaps)) return false;
  for (std::string_view rest = maps; !rest.empty();) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && map->start == SealedMemory::kBase) return map->rights == "r--s" && map->inode == static_cast<uint64_t>(sealed.id());
  }
  return false;
}

}  // namespace

bool attach_sealed(Context& context, Task& task, const PendingCall& call) {
  const SealedMemory* const sealed = context.sealed;
  if (sealed == nullptr || !sealed->is_open() || task.space->sealing_failed) return false;
  const bool is_32 = call.sighting.event.call.abi == Abi::I386;
  const InjectedCall shmat{.nr = is_32 ? kShmat32 : static_cast<uint64_t>(SYS_shmat),
                           .args = {static_cast<uint64_t>(sealed->id()), SealedMemory::kBase, SHM_RDONLY, 0, 0, 0}};
  if (!own_filters_allow(task, shmat, call.sighting.event.call.abi, call.ip)) return false;
  const Result<int64_t> answer = replace_call(task.tid, shmat, is_32);
  if (!answer) return true;  // gone: nobody will make the call
  task.space->sealed = *answer == static_cast<int64_t>(SealedMemory::kBase) || is_attached(*sealed, task);
  task.space->sealing_failed = !task.space->sealed;
  if (task.space->sealing_failed && !std::exchange(task.space->sealing_told, true)) {
    context.notice(task.tid, Notice::TIER_DEGRADED, "shmat", "no sealed memory can be attached: clone3 is answered ENOSYS, connections are refused where rows are enforced", *answer);
  }
  return true;
}

bool shuts_out(const Event& event) {
  const uint64_t first = event.call.args[0];
  switch (event.id) {
    case EventId::setns: return true;
    case EventId::seccomp: return first <= SECCOMP_SET_MODE_FILTER;
    case EventId::prctl: return first == PR_SET_SECCOMP;
    case EventId::unshare:
    case EventId::clone: return (first & CLONE_NEWIPC) != 0;
    default: return false;
  }
}

}  // namespace vedette
