// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a process when our own books have no answer: the files and links of /proc/PID. The tracer
// implements it on /proc; tests fake it with a map. `name` is relative to /proc/PID: "exe", "cwd", "root", "fd/3",
// "status", "stat", "cmdline", "root/etc/passwd". Every answer may be missing: the task is gone, or was never ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace vedette {

struct FileFacts {
  uint64_t dev = 0;
  uint64_t ino = 0;
  uint32_t mode = 0;  // type and permissions
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;
  uint64_t ctime_ns = 0;
  uint64_t mtime_ns = 0;
};

class Truth {
 public:
  virtual ~Truth() = default;
  // readlink; replaces `into`, which is the caller's to reuse.
  virtual bool link(uint32_t pid, const char* name, std::string& into) = 0;
  // The first `max` bytes of a file.
  virtual bool text(uint32_t pid, const char* name, std::string& into, size_t max) = 0;
  // stat, following the link.
  virtual std::optional<FileFacts> facts(uint32_t pid, const char* name) = 0;
};

}  // namespace vedette
