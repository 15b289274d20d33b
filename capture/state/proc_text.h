// SPDX-License-Identifier: Apache-2.0
// Reads the texts of /proc: what stands where in status, stat, cgroup, fdinfo and limits (proc(5)). Pure
// functions on text; a field that is missing, as on an old kernel, leaves its default.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/state/process.h"

namespace vedette {

struct StatusText {
  uint32_t tgid = 0;
  uint32_t ppid = 0;
  uint32_t vpid = 0;        // the last of NSpid
  bool nested_pids = false;  // NSpid has more than one number
  Credentials credentials;
  std::optional<uint64_t> bounding;  // capabilities
  std::optional<uint32_t> seccomp;   // its mode: 0 none
};
StatusText parse_status(std::string_view text);

struct StatText {
  uint32_t group = 0;
  uint32_t session = 0;
  uint32_t tty = 0;
  std::optional<uint64_t> start_ticks;  // since the machine started, in USER_HZ
};
StatText parse_stat(std::string_view text);

// The longest path of /proc/PID/cgroup.
std::string_view longest_cgroup(std::string_view text);
// The container's id in a cgroup path: 64 hex digits (12 are kept, as Falco does), or ECS's TASK-CONTAINER
// form. Empty: none.
std::string_view container_id_of(std::string_view cgroup);
// As container engines show it: the first 12 digits of 64.
std::string_view short_id(std::string_view id);
// Soft limit of "Max open files".
uint64_t open_files_limit(std::string_view limits);
// "flags:" of fdinfo/N: O_*, among them O_CLOEXEC.
std::optional<uint32_t> fdinfo_flags(std::string_view text);
// The number in "socket:[123]", "pipe:[123]".
uint64_t number_in_brackets(std::string_view link);

// The text up to the next separator; takes it away from `text`.
std::string_view take_until(std::string_view& text, char separator);
uint64_t parse_number(std::string_view text, int base = 10);

}  // namespace vedette
