// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/io_counts.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kIoFileMax = 512;  // seven short lines

bool take_field(std::string_view text, std::string_view name, uint64_t& into) {
  const std::string_view digits = status_field(text, name);
  return std::from_chars(digits.data(), digits.data() + digits.size(), into).ec == std::errc();
}

}  // namespace

// /proc knows every thread by its own number, so its process need not be known. A file that was kept answers
// ESRCH for ever when its thread is gone, whoever has the number now.
std::optional<IoCounts> ProcKernelIo::counts(uint32_t tid, IoScope scope) {
  char text[kIoFileMax];
  Opened& opened = opened_[tid % kKept];
  const bool is_kept = opened.file.is_open() && opened.tid == tid && opened.scope == scope;
  ssize_t size = is_kept ? ::pread(opened.file.get(), text, sizeof text, 0) : -1;
  if (size <= 0) {
    char name[32];
    std::snprintf(name, sizeof name, scope == IoScope::Thread ? "task/%u/io" : "io", tid);
    opened = {tid, scope, open_at(ProcPath(Tid(static_cast<pid_t>(tid)), name), O_RDONLY)};
    if (!opened.file.is_open()) return {};
    size = ::pread(opened.file.get(), text, sizeof text, 0);
  }
  if (size <= 0) return {};
  const std::string_view fields(text, static_cast<size_t>(size));
  IoCounts counts;
  if (!take_field(fields, "rchar", counts.read) || !take_field(fields, "wchar", counts.written)) return {};
  if (!take_field(fields, "syscr", counts.reads) || !take_field(fields, "syscw", counts.writes)) return {};
  return counts;
}

}  // namespace vedette
