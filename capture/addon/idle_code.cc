// SPDX-License-Identifier: Apache-2.0
// /proc/self/maps (proc_pid_maps(5)) has a line for each mapping, and /proc/self/pagemap
// (proc_pid_pagemap(5)) a word for each page:
//
//   5581e0a00000-5581e3700000 r-xp 00a00000 08:01 1835021   /usr/local/bin/node
//   bit 63: it is in memory   62: it is swapped out   61: it is the file's, or shared
#include "capture/addon/idle_code.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace vedette::addon {

namespace {
constexpr uint64_t kPresent = uint64_t{1} << 63, kSwapped = uint64_t{1} << 62, kOfFile = uint64_t{1} << 61;
// How many pages come at once where one of them is read: the kernel brings those around it (16), and none of
// another mapping.
constexpr size_t kPiecePages = 4;
// Where less is mapped, there is little to save; nor where it is no code: of 57 MiB of constants 5 are read.
constexpr size_t kSplitBytes = 256 << 10;

struct Range {
  uintptr_t start = 0, end = 0;
  bool is_code = false, is_split = false;
};

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// Of files, private, and never written to; neighbours of the same rights are one.
std::vector<Range> read_only_files() {
  std::ifstream file("/proc/self/maps");
  std::vector<Range> ranges;
  std::string rights_before;
  for (std::string line; std::getline(file, line);) {
    Range range;
    char rights[5] = "";
    unsigned long long inode = 0;
    const char* const form = "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %llu";
    if (sscanf(line.c_str(), form, &range.start, &range.end, rights, &inode) != 4) continue;
    if (inode == 0 || rights[1] != '-' || rights[3] != 'p') continue;
    range.is_code = rights[2] == 'x';
    if (!ranges.empty() && ranges.back().end == range.start && rights == rights_before)
      ranges.back() = {ranges.back().start, range.end, range.is_code, true};
    else
      ranges.push_back(range);
    rights_before = rights;
  }
  return ranges;
}

void* at(uintptr_t address) { return reinterpret_cast<void*>(address); }

// Makes mappings of kPiecePages of it. Neighbours of different advice are apart, and this advice is of no
// other effect: no core dump has pages of files.
void split(const Range& range) {
  const size_t piece = kPiecePages * kPage;
  if (!range.is_code || range.is_split || range.end - range.start < kSplitBytes) return;
  for (uintptr_t from = range.start; from < range.end; from += 2 * piece)
    madvise(at(from), std::min(piece, range.end - from), MADV_DONTDUMP);
}

// How many bytes of it are in memory; 0 also where a page differs from the file.
size_t resident_unchanged(int pagemap, const Range& range, std::vector<uint64_t>& words) {
  words.resize((range.end - range.start) / kPage);
  const size_t size = words.size() * sizeof(uint64_t);
  const off_t offset = static_cast<off_t>(range.start / kPage * sizeof(uint64_t));
  if (pread(pagemap, words.data(), size, offset) != static_cast<ssize_t>(size)) return 0;
  size_t pages = 0;
  for (const uint64_t word : words) {
    if ((word & kSwapped) != 0 || (word & (kPresent | kOfFile)) == kPresent) return 0;
    if ((word & kPresent) != 0) pages++;
  }
  return pages * kPage;
}

size_t drop_unchanged_pages() {
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return 0;
  size_t dropped = 0;
  std::vector<uint64_t> words;
  for (const Range& range : read_only_files()) {
    const size_t resident = resident_unchanged(pagemap, range, words);
    split(range);
    if (resident == 0) continue;
    if (madvise(at(range.start), range.end - range.start, MADV_DONTNEED) == 0) dropped += resident;
  }
  close(pagemap);
  return dropped;
}
}  // namespace

void keep_arenas_few() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
#endif
}

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
