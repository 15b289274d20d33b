// SPDX-License-Identifier: Apache-2.0
// The lines of /proc/PID/maps and mountinfo, and the numbers of status (proc(5)): read in one place. Pure
// functions on text. What is not a line of its kind is none.
//
//   7f00-7f01 r-xp 00001000 08:01 4711    /usr/lib/libc.so.6        a line of maps
//   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 ...           a line of mountinfo
//   Tgid:\t4711                                                     a line of status
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/kernel/tid.h"

namespace vedette {

struct MapLine {
  uint64_t start = 0, end = 0;
  std::string_view rights = {};  // "r-xp"
  uint64_t offset = 0;
  uint64_t inode = 0;  // a System V segment's is its id (ipc/shm.c, newseg)
  std::string_view name = {};  // a path, "[vdso]", "/SYSV00000000 (deleted)"; empty: it has none

  bool is_executable() const { return rights[2] == 'x'; }
  bool is_writable() const { return rights[1] == 'w'; }
};
std::optional<MapLine> read_map_line(std::string_view line);

struct MountLine {
  uint64_t id = 0;
  std::string_view device = {};  // "98:0"
  std::string_view point = {};   // where it is mounted, with blanks and their like in octal: "/a\\040b"
  std::string_view type = {};    // "ext3"; empty: the line is cut
};
std::optional<MountLine> read_mount_line(std::string_view line);

// "Name:\tvalue" of a status file: the value without blanks before it, to the end of its line; empty when
// there is none.
std::string_view status_field(std::string_view status, std::string_view name);
// The number that it begins with.
uint64_t status_number(std::string_view status, std::string_view name, uint64_t otherwise = 0);
// A mask: signals, capabilities.
uint64_t status_mask(std::string_view status, std::string_view name);
inline Tid status_tid(std::string_view status, std::string_view name) { return Tid(static_cast<pid_t>(status_number(status, name))); }

// Takes the first line of a text away; without its end.
std::string_view take_line(std::string_view& text);

}  // namespace vedette
