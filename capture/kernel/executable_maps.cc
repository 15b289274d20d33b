// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/executable_maps.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <string_view>

#include "capture/kernel/features.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

// include/uapi/linux/fs.h of Linux 6.11.
struct Query {
  uint64_t size, query_flags, query_addr;
  uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
  uint32_t dev_major, dev_minor;
  uint32_t vma_name_size, build_id_size;
  uint64_t vma_name_addr, build_id_addr;
};
static_assert(sizeof(Query) == 104);
constexpr unsigned long kQuery = _IOWR('f', 17, Query);
constexpr uint64_t kWritable = 2, kExecutable = 4, kCoveringOrNext = 16;

using Maps = std::optional<std::vector<ExecutableMap>>;

constexpr size_t kTextMax = 4u << 20;

Query query_from(uint64_t address) {
  Query query{};
  query.size = sizeof query;
  query.query_flags = kExecutable | kCoveringOrNext;
  query.query_addr = address;
  return query;
}

Maps by_query(Tid process, size_t max) {
  const Fd file = open_at(ProcPath(process, "maps"), O_RDONLY);
  if (!file.is_open()) return std::nullopt;
  std::vector<ExecutableMap> maps;
  char name[PATH_MAX];
  for (uint64_t at = 0; maps.size() < max; at = maps.back().end) {
    Query query = query_from(at);
    query.vma_name_size = sizeof name;
    query.vma_name_addr = reinterpret_cast<uint64_t>(name);
    if (::ioctl(file.get(), kQuery, &query) < 0) {
      if (errno == ENOENT) break;  // there is no further one
      return std::nullopt;
    }
    const size_t size = query.vma_name_size > 0 ? query.vma_name_size - 1 : 0;
    maps.push_back({query.vma_start, query.vma_end, query.inode, (query.vma_flags & kWritable) != 0, std::string(name, size)});
  }
  return maps;
}

Maps by_text(Tid process, size_t max) {
  std::string text;
  if (!read_file(ProcPath(process, "maps"), text, kTextMax)) return std::nullopt;
  std::vector<ExecutableMap> maps;
  for (std::string_view rest = text; !rest.empty() && maps.size() < max;) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && map->is_executable()) maps.push_back({map->start, map->end, map->inode, map->is_writable(), std::string(map->name)});
  }
  return maps;
}

std::optional<bool> gone_or_unknown(int error) { return error == ESRCH || error == ENOENT ? std::optional(false) : std::nullopt; }

std::optional<bool> within_by_query(Tid process, uint64_t start, uint64_t end) {
  const Fd file = open_at(ProcPath(process, "maps"), O_RDONLY);
  if (!file.is_open()) return gone_or_unknown(errno);
  Query query = query_from(start);
  if (::ioctl(file.get(), kQuery, &query) < 0) return gone_or_unknown(errno);  // ENOENT: there is no further one
  return query.vma_start < end;
}

std::optional<bool> within_by_text(Tid process, uint64_t start, uint64_t end) {
  std::string text;
  if (const Result<void> read = read_file(ProcPath(process, "maps"), text, kTextMax); !read) return gone_or_unknown(read.error().get());
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && map->start >= end) return false;
    if (map && map->is_executable() && map->end > start) return true;
  }
  return text.size() < kTextMax ? std::optional(false) : std::nullopt;
}

}  // namespace

MapsBy maps_by() { return features().maps_query ? MapsBy::Query : MapsBy::Text; }

Maps executable_maps(Tid process, size_t max, MapsBy by) { return by == MapsBy::Query ? by_query(process, max) : by_text(process, max); }

std::optional<bool> is_executable_within(Tid process, uint64_t start, uint64_t end, MapsBy by) {
  return by == MapsBy::Query ? within_by_query(process, start, end) : within_by_text(process, start, end);
}

}  // namespace vedette
