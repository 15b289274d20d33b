// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/mount_list.h"

#include <algorithm>

#include "capture/kernel/proc_lines.h"

namespace vedette {
namespace {

constexpr std::string_view kDisks[] = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "squashfs", "erofs"};
constexpr std::string_view kMemory[] = {"tmpfs", "ramfs", "rootfs", "devtmpfs", "hugetlbfs"};

Storage storage_of(std::string_view type) {
  if (type == "overlay") return Storage::Overlay;
  if (std::ranges::find(kDisks, type) != std::end(kDisks)) return Storage::Disk;
  return std::ranges::find(kMemory, type) != std::end(kMemory) ? Storage::Memory : Storage::Unsure;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (folder == "/" || path.size() == folder.size() || path[folder.size()] == '/');
}

bool may_lie_below(std::string_view path, std::string_view point) {
  return point.empty() || point.find('\\') != point.npos || is_below(path, point);
}

}  // namespace

std::optional<Mount> mount_numbered(std::string_view mounts, uint64_t number) {
  while (!mounts.empty()) {
    const std::optional<MountLine> line = read_mount_line(take_line(mounts));
    if (line && line->id == number) return Mount{storage_of(line->type), line->device, line->point == "/"};
  }
  return std::nullopt;
}

bool is_way_sure(std::string_view mounts, std::string_view path, std::string_view known_overlay) {
  while (!mounts.empty()) {
    const std::optional<MountLine> line = read_mount_line(take_line(mounts));
    if (!line) return false;
    if (!may_lie_below(path, line->point)) continue;
    const Storage storage = storage_of(line->type);
    if (storage == Storage::Unsure || (storage == Storage::Overlay && line->device != known_overlay)) return false;
  }
  return true;
}

}  // namespace vedette
