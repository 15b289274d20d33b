// SPDX-License-Identifier: Apache-2.0
// /proc/self/smaps (proc_pid_smaps(5)) has a line of maps for each mapping, and then one for each figure:
//
//   5581e0a00000-5581e3700000 r-xp 00a00000 08:01 1835021   /usr/local/bin/node
//   Rss:               33376 kB
//   Anonymous:             0 kB
#include "capture/addon/idle_code.h"

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
}  // namespace

size_t drop_idle_code() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  std::ifstream file("/proc/self/smaps");
  size_t dropped_kib = 0;
  Mapping mapping;
  for (std::string line; std::getline(file, line);) {
    size_t anonymous_kib = 0;
    if (const auto next = mapping_in(line)) mapping = *next;
    if (sscanf(line.c_str(), "Rss: %zu kB", &mapping.resident_kib) == 1) continue;
    if (sscanf(line.c_str(), "Anonymous: %zu kB", &anonymous_kib) != 1) continue;
    if (anonymous_kib > 0 || !mapping.is_file_only_read) continue;
    if (madvise(mapping.start, mapping.size, MADV_DONTNEED) == 0) dropped_kib += mapping.resident_kib;
  }
  return dropped_kib * 1024;
}

}  // namespace vedette::addon
