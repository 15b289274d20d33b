// SPDX-License-Identifier: Apache-2.0
#include "capture/state/container.h"

#include <linux/capability.h>

#include "capture/state/proc_text.h"

namespace vedette {

namespace {

constexpr size_t kStatusMax = 4096;
constexpr size_t kCgroupMax = 16384;
constexpr size_t kMountsMax = 1 << 20;
// Not all that there are: an engine knows those of its time, and a machine that is a container itself has not
// all to give.
constexpr uint64_t kAlways = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_MODULE | 1ull << CAP_SYS_RAWIO;

// ID PARENT MAJOR:MINOR ROOT POINT ...
bool is_masked(std::string_view mounts) {
  while (!mounts.empty()) {
    std::string_view line = take_until(mounts, '\n');
    for (int field = 0; field < 4; ++field) take_until(line, ' ');
    const std::string_view point = take_until(line, ' ');
    if (point == "/proc/kcore" || point == "/proc/sys") return true;
  }
  return false;
}

Privilege privilege_of(Truth& truth, uint32_t pid, std::string& scratch) {
  if (!truth.text(pid, "status", scratch, kStatusMax)) return Privilege::Unknown;
  const StatusText status = parse_status(scratch);
  if (!status.bounding || !status.seccomp) return Privilege::Unknown;
  if ((*status.bounding & kAlways) != kAlways || *status.seccomp != 0) return Privilege::No;
  if (!truth.text(pid, "mountinfo", scratch, kMountsMax)) return Privilege::Unknown;
  return is_masked(scratch) ? Privilege::No : Privilege::Yes;
}

}  // namespace

Container container_of(Truth& truth, uint32_t pid) {
  std::string scratch;
  Container container;
  if (truth.text(pid, "cgroup", scratch, kCgroupMax)) container.id = short_id(container_id_of(longest_cgroup(scratch)));
  if (!container.id.empty()) container.privilege = privilege_of(truth, pid, scratch);
  return container;
}

}  // namespace vedette
