// SPDX-License-Identifier: Apache-2.0
// Reading /proc: whole small files and links, without stdio and without allocation where the caller brings a
// buffer. "The task is gone" and "not allowed" are normal answers.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc_lines.h"
#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"

namespace vedette {

// "/proc/PID/NAME" or "/proc/NAME", in a buffer of its own, of the /proc that is ours (proc_folder.h).
class ProcPath {
 public:
  ProcPath(Tid tid, std::string_view name);
  explicit ProcPath(std::string_view name);
  bool fits() const { return fits_; }
  // For openat and its like.
  int folder() const;
  const char* name() const;

 private:
  static constexpr size_t kMax = 4096 + 64;
  char text_[kMax];
  bool fits_;
};

// A path, for as long as it lives that it is made of: any, or one of ours below /proc.
struct PathAt {
  PathAt(const char* path);
  PathAt(const ProcPath& path) : folder(path.folder()), name(path.name()) {}
  int folder;
  const char* name;
};

Fd open_at(PathAt path, int flags);
bool stat_at(PathAt path, struct stat& into);
// The first `max` bytes of a file; replaces `into`. Where no descriptor is left it uses the one in reserve.
Result<void> read_file(PathAt path, std::string& into, size_t max);
// Once, early.
void keep_descriptor_in_reserve();
// How often there was none left so far.
uint64_t descriptor_shortages();
// readlink; replaces `into`.
Result<void> read_link(PathAt path, std::string& into);

// Where a process's memory begins: the lowest address that is mapped. Nothing: it cannot be asked.
std::optional<uint64_t> lowest_mapping(Tid tid);

// Field `number` (as in proc(5), 1-based) of a stat file; fields up to 2 may hold blanks and parentheses.
std::optional<int64_t> stat_field(std::string_view stat, int number);

// By its stat file: whether it has executed no program since it was made.
bool has_only_forked(std::string_view stat);

// Whether a process has executed one: its birth and its program are two things to tell. Not when it is gone.
bool has_executed(Tid process);

}  // namespace vedette
