// SPDX-License-Identifier: Apache-2.0
// What a process may execute, by the kernel's word. Linux 6.11 answers one question a mapping (PROCMAP_QUERY)
// and passes over those that are not executable: some 10 us a process. Before that the whole text of
// /proc/PID/maps is read: some 60 us.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/kernel/tid.h"

namespace vedette {

struct ExecutableMap {
  uint64_t start = 0, end = 0;
  uint64_t inode = 0;  // a System V segment's is its id (ipc/shm.c, newseg)
  bool writable = false;
  std::string name = {};  // as in /proc/PID/maps: a path, "[vdso]", "/SYSV00000000 (deleted)"; empty: it has none
};

enum class MapsBy : uint8_t { Query, Text };

// How this kernel is asked.
MapsBy maps_by();

// In the order of their addresses, `max` at most. Nothing: the process cannot be asked.
std::optional<std::vector<ExecutableMap>> executable_maps(Tid process, size_t max, MapsBy by = maps_by());

// Whether it may execute anything of [start, end). Nothing: the process cannot be asked, or has more mappings
// in front of that than can be read. One that is gone has no code.
std::optional<bool> is_executable_within(Tid process, uint64_t start, uint64_t end, MapsBy by = maps_by());

}  // namespace vedette
