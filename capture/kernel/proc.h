// SPDX-License-Identifier: Apache-2.0
// Reading /proc: whole small files and links, without stdio and without allocation where the caller brings a buffer. "The
// task is gone" and "not allowed" are normal answers.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"

namespace vedette {

// The first `max` bytes of a file; replaces `into`. Where no descriptor is left it uses the one in reserve.
Result<void> read_file(const char* path, std::string& into, size_t max);
// Once, early.
void keep_descriptor_in_reserve();
// How often there was none left so far.
uint64_t descriptor_shortages();
// readlink; replaces `into`.
Result<void> read_link(const char* path, std::string& into);

// "/proc/PID/NAME", in a buffer of its own.
class ProcPath {
 public:
  ProcPath(Tid tid, std::string_view name);
  const char* c_str() const { return text_; }
  bool fits() const { return fits_; }

 private:
  static constexpr size_t kMax = 4096 + 64;
  char text_[kMax];
  bool fits_;
};

// Where a process's memory begins: the lowest address that is mapped. Nothing: it cannot be asked.
std::optional<uint64_t> lowest_mapping(Tid tid);

// "Name:\tvalue" of a status file: the value without blanks before it; empty when there is none.
std::string_view status_field(std::string_view status, std::string_view name);

// Field `number` (as in proc(5), 1-based) of a stat file; fields up to 2 may hold blanks and parentheses.
std::optional<int64_t> stat_field(std::string_view stat, int number);

}  // namespace vedette
