// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/io_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kIoFileMax = 512;  // seven short lines

bool take_field(std::string_view text, std::string_view name, uint64_t& into) {
  const std::string_view digits = status_field(text, name);
  return std::from_chars(digits.data(), digits.data() + digits.size(), into).ec == std::errc();
}

}  // namespace

// /proc knows every thread by its own number, so its process need not be known.
std::optional<IoBytes> ProcKernelIo::bytes(uint32_t tid, IoScope scope) {
  char path[48];
  std::snprintf(path, sizeof path, scope == IoScope::Thread ? "/proc/%u/task/%u/io" : "/proc/%u/io", tid, tid);
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return {};
  char text[kIoFileMax];
  const ssize_t size = ::read(file.get(), text, sizeof text);
  if (size <= 0) return {};
  const std::string_view fields(text, static_cast<size_t>(size));
  IoBytes bytes;
  if (!take_field(fields, "rchar", bytes.read) || !take_field(fields, "wchar", bytes.written)) return {};
  return bytes;
}

}  // namespace vedette
