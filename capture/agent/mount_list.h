// SPDX-License-Identifier: Apache-2.0
// What lies behind a mount, as a list of mounts tells it (proc_pid_mountinfo(5)). Who reads a file for the
// host must not wait for a program of the workload, nor take its word: a file system of FUSE, also one below
// an overlay. So what is not known to lie on a disk or in memory is not sure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vedette {

enum class Storage : uint8_t {
  Disk,
  Memory,   // the kernel's own: tmpfs and its like
  Overlay,  // as sure as its layers, whose paths are mostly the runtime's and lead nowhere inside
  Unsure,
};

struct Mount {
  Storage storage = Storage::Unsure;
  std::string_view device = {};  // "0:45", of the list
  bool is_root = false;          // it is mounted at /
};

// The mount of that number (statx(2), stx_mnt_id). Nothing: the list does not name it.
std::optional<Mount> mount_numbered(std::string_view mounts, uint64_t number);

// Whether all that is mounted on the way to an absolute path is on a disk, in memory, or the overlay of that
// device, which is known. A mount whose name is written with an escape lies on the way of each path.
bool is_way_sure(std::string_view mounts, std::string_view path, std::string_view known_overlay);

}  // namespace vedette
