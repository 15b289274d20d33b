// SPDX-License-Identifier: Apache-2.0
// /proc/self/smaps (proc_pid_smaps(5)) has a line of maps for each mapping, and then one for each figure:
//
//   5581e0a00000-5581e3700000 r-xp 00a00000 08:01 1835021   /usr/local/bin/node
//   Rss:               33376 kB
//   Anonymous:             0 kB     of these, pages that differ from the file
//   Swap:                  0 kB     more such pages, that are not in memory
#include "capture/addon/idle_code.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

namespace vedette::addon {

namespace {
struct Mapping {
  void* start = nullptr;
  size_t size = 0;
  bool is_file_only_read = false;
  size_t resident_kib = 0;
};

// None where the line is a figure.
std::optional<Mapping> mapping_in(const std::string& line) {
  uintptr_t start = 0, end = 0;
  char rights[5] = "";
  unsigned long long inode = 0;
  const char* const form = "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %llu";
  if (sscanf(line.c_str(), form, &start, &end, rights, &inode) != 4) return std::nullopt;
  const bool is_file_only_read = inode != 0 && rights[1] == '-' && rights[3] == 'p';
  return Mapping{reinterpret_cast<void*>(start), end - start, is_file_only_read};
}

size_t drop_unchanged_pages() {
  std::ifstream file("/proc/self/smaps");
  size_t dropped_kib = 0, changed_kib = 0;
  Mapping mapping;
  for (std::string line; std::getline(file, line);) {
    size_t swapped_kib = 0;
    if (const auto next = mapping_in(line)) mapping = *next;
    if (sscanf(line.c_str(), "Rss: %zu kB", &mapping.resident_kib) == 1) continue;
    if (sscanf(line.c_str(), "Anonymous: %zu kB", &changed_kib) == 1) continue;
    if (sscanf(line.c_str(), "Swap: %zu kB", &swapped_kib) != 1) continue;
    if (changed_kib + swapped_kib > 0 || !mapping.is_file_only_read) continue;
    if (madvise(mapping.start, mapping.size, MADV_DONTNEED) == 0) dropped_kib += mapping.resident_kib;
  }
  return dropped_kib * 1024;
}
}  // namespace

size_t drop_idle_code() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  size_t dropped = 0;
  // While it calls us, nothing is loaded or unloaded: what is read of a mapping stays true until it is used.
  dl_iterate_phdr(
      [](dl_phdr_info*, size_t, void* into) {
        *static_cast<size_t*>(into) = drop_unchanged_pages();
        return 1;  // once is enough
      },
      &dropped);
  return dropped;
}

}  // namespace vedette::addon
