// SPDX-License-Identifier: Apache-2.0
// What the kernel says of a process when our own books have no answer: the files and links of /proc/PID. The
// tracer implements it on /proc; tests fake it with a map. `name` is relative to /proc/PID: "exe", "cwd",
// "root", "fd/3", "status", "stat", "cmdline", "root/etc/passwd". Every answer may be missing: the task is
// gone, or was never ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capture/state/endpoint.h"

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

struct SocketFacts {
  int32_t domain = 0;    // SO_DOMAIN
  int32_t type = 0;      // SO_TYPE
  int32_t protocol = 0;  // SO_PROTOCOL
  bool listening = false;  // SO_ACCEPTCONN
  SocketName local;      // getsockname
  SocketName remote;     // getpeername
  std::string peer = {};  // its bytes, also while the connection is still being made
  uint64_t ino = 0;
  bool has_ended = false;    // a TCP connection that was made, and is over: nobody knows its peer any more
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
  // The socket behind a descriptor: pidfd_getfd, then getsockname and its kin on our copy. Where that is not
  // allowed (it needs what ptrace needs, and Linux 5.6) there is no answer, and state looks into
  // /proc/PID/net. `pid`: a process's, unless the thread has a descriptor table of its own.
  virtual std::optional<SocketFacts> socket(uint32_t, int32_t /*fd*/) { return {}; }
  // Whether a descriptor of a process that stands still is the very one that we have under the number `ours`:
  // one open file, not two of one name.
  virtual bool has_ours(uint32_t, int32_t /*fd*/, int32_t /*ours*/) { return false; }
  // Looks a path up as the task would, without opening the file for use: the kernel's name for it into
  // `into`, and its facts. `from_own_root`: the task has another root, or other mounts, than we. `follows`: a
  // link at the path's end is followed. `process` is what /proc/self means to it.
  virtual std::optional<FileFacts> resolve(uint32_t /*tid*/, uint32_t /*process*/, bool /*from_own_root*/, std::string_view /*path*/, bool /*follows*/, std::string& /*into*/) {
    return {};
  }
  // The facts of what lies at a path that means the same to all tasks, if it goes by no link.
  virtual std::optional<FileFacts> look(std::string_view /*path*/) { return {}; }
  // Whether a name in a path of the task may have been made, moved or removed since then, whoever did it, by
  // what the steps on the way tell.
  virtual bool names_changed_since(uint32_t /*tid*/, std::string_view /*path*/, uint64_t /*since_ns*/) { return false; }
  // A new 64-bit image's memory from its stack pointer `sp` on, before its first instruction (first_stack.h).
  virtual bool first_stack(uint32_t, uint64_t& /*sp*/, std::string& /*into*/) { return false; }
  // ns since the machine started, as /proc/PID/stat counts; 0 when unknown.
  virtual uint64_t uptime_ns() { return 0; }
  // The magic number of the file system (statfs), 0 when unknown.
  virtual uint64_t filesystem(uint32_t, const char* /*name*/) { return 0; }
  // The /proc that the workload has shows another pid namespace: the numbers in its names are not those of
  // our books.
  virtual bool has_other_numbers() { return false; }
};

}  // namespace vedette
