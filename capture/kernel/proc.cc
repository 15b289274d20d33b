// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

#include "capture/kernel/fd.h"

namespace vedette {

Result<void> read_file(const char* path, std::string& into, size_t max) {
  into.clear();
  // Not blocking: below /proc/PID/root a file may turn out to be a FIFO of the workload's.
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.is_open()) return Errno::last();
  constexpr size_t kPiece = 4096;
  while (into.size() < max) {
    const size_t have = into.size();
    const size_t want = std::min(kPiece, max - have);
    into.resize(have + want);
    const ssize_t got = ::read(file.get(), into.data() + have, want);
    into.resize(have + static_cast<size_t>(got > 0 ? got : 0));
    if (got < 0) return Errno::last();
    if (got == 0) break;
  }
  return {};
}

Result<void> read_link(const char* path, std::string& into) {
  into.resize(PATH_MAX);
  const ssize_t size = ::readlink(path, into.data(), into.size());
  into.resize(static_cast<size_t>(size > 0 ? size : 0));
  if (size < 0) return Errno::last();
  return {};
}

ProcPath::ProcPath(Tid tid, std::string_view name) {
  const int size = std::snprintf(text_, sizeof text_, "/proc/%d/%.*s", tid.get(), static_cast<int>(name.size()), name.data());
  fits_ = size > 0 && static_cast<size_t>(size) < sizeof text_;
}

std::optional<uint64_t> lowest_mapping(Tid tid) {
  std::string line;
  constexpr size_t kFirstLine = 64;
  uint64_t address = 0;
  if (!read_file(ProcPath(tid, "maps").c_str(), line, kFirstLine)) return {};
  const auto read = std::from_chars(line.data(), line.data() + line.size(), address, 16);
  return read.ec == std::errc() ? std::optional(address) : std::nullopt;
}

std::string_view status_field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const size_t end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name)) {
      const size_t start = line.find_first_not_of(" \t", name.size() + 1);
      return start == line.npos ? std::string_view() : line.substr(start);
    }
    status.remove_prefix(std::min(end + 1, status.size()));
  }
  return {};
}

std::optional<int64_t> stat_field(std::string_view stat, int number) {
  constexpr int kAfterName = 3;  // the state, behind "PID (comm) "
  size_t at = stat.rfind(") ");
  if (at == stat.npos || number < kAfterName) return std::nullopt;
  at += 2;
  for (int field = kAfterName; field < number; ++field) {
    at = stat.find(' ', at);
    if (at == stat.npos) return std::nullopt;
    ++at;
  }
  int64_t value = 0;
  const std::from_chars_result parsed = std::from_chars(stat.data() + at, stat.data() + stat.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

}  // namespace vedette
