// SPDX-License-Identifier: Apache-2.0
// Looks at program files for prevention: what a link of /proc/PID leads to, which is the kernel's word, and
// what a name leads to at this moment, which is nobody's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/kernel/proc.h"
#include "capture/kernel/tid.h"
#include "capture/prevent/table.h"

namespace vedette {

// When the container started, by the clock that files' times are taken from. A clock that is set back later
// would make what is written then look old: the start moves back with it.
class StartTime {
 public:
  StartTime();
  uint64_t now_ns();

 private:
  int64_t offset_ns_ = 0;  // realtime - boottime, the least that was seen
  int64_t begun_ns_ = 0;   // boottime
};

class ProgramLook {
 public:
  ProgramLook();

  // "exe" or "fd/3" of /proc/TID. Nothing: it is not there, or we may not look.
  std::optional<ProgramFile> at_link(Tid tid, std::string_view link) const;
  // What the task would find under a name now; relative names start at its working directory.
  std::optional<ProgramFile> at_name(Tid tid, std::string_view name) const;
  // The files that a new image's code comes from: the program and its interpreter.
  std::vector<std::string> code_of(Tid tid) const;
  // The name that exec was given, as the kernel put it into the new image. Nothing: not readable.
  std::optional<std::string> named_by_exec(Tid tid) const;

 private:
  std::optional<ProgramFile> look(PathAt path, PathAt mounts) const;
  bool is_root_mount(uint64_t mount, PathAt mounts) const;

  uint64_t root_mount_ = 0;
  std::string root_device_;  // "259:0", as in mountinfo
};

}  // namespace vedette
