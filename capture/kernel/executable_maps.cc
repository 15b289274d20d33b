// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/executable_maps.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <charconv>
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

Maps by_query(Tid process, size_t max) {
  const Fd file = open_at(ProcPath(process, "maps"), O_RDONLY);
  if (!file.is_open()) return std::nullopt;
  std::vector<ExecutableMap> maps;
  char name[PATH_MAX];
  for (uint64_t at = 0; maps.size() < max; at = maps.back().end) {
    Query query{};
    query.size = sizeof query;
    query.query_flags = kExecutable | kCoveringOrNext;
    query.query_addr = at;
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

std::string_view take_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(line.find_first_not_of(' ', end), line.size()));
  return word;
}

uint64_t number_in(std::string_view word, int base) {
  uint64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value, base);
  return value;
}

// "7f00-7f01 r-xp 00000000 08:01 4711    /usr/lib/libc.so.6"
std::optional<ExecutableMap> read_line(std::string_view line) {
  const std::string_view range = take_word(line), rights = take_word(line);
  const size_t dash = range.find('-');
  if (dash == range.npos || rights.size() < 4 || rights[2] != 'x') return std::nullopt;
  (void)take_word(line);  // offset
  (void)take_word(line);  // device
  const uint64_t inode = number_in(take_word(line), 10);
  return ExecutableMap{number_in(range.substr(0, dash), 16), number_in(range.substr(dash + 1), 16), inode, rights[1] == 'w', std::string(line)};
}

Maps by_text(Tid process, size_t max) {
  constexpr size_t kTextMax = 4u << 20;
  std::string text;
  if (!read_file(ProcPath(process, "maps"), text, kTextMax)) return std::nullopt;
  std::vector<ExecutableMap> maps;
  for (size_t at = 0; at < text.size() && maps.size() < max;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (std::optional<ExecutableMap> map = read_line(std::string_view(text).substr(at, end - at))) maps.push_back(std::move(*map));
    at = end + 1;
  }
  return maps;
}

}  // namespace

MapsBy maps_by() { return features().maps_query ? MapsBy::Query : MapsBy::Text; }

Maps executable_maps(Tid process, size_t max, MapsBy by) { return by == MapsBy::Query ? by_query(process, max) : by_text(process, max); }

}  // namespace vedette
