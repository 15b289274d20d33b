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
#include <charconv>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
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

// The number that `line` begins with, which loses it and the character after it.
uint64_t take_number(std::string_view& line, int base) {
  uint64_t number = 0;
  const char* const end = std::from_chars(line.begin(), line.end(), number, base).ptr;
  line.remove_prefix(std::min<size_t>(line.size(), end - line.begin() + 1));
  return number;
}

std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

// Of files, private, and never written to; neighbours of the same rights are one. Not read by sscanf: with
// glibc's headers from 2.38 on that is a function which older ones do not have.
std::vector<Range> read_only_files() {
  std::ifstream file("/proc/self/maps");
  std::vector<Range> ranges;
  std::string rights_before;
  for (std::string text; std::getline(file, text);) {
    std::string_view line = text;
    Range range;
    range.start = take_number(line, 16);
    range.end = take_number(line, 16);
    const std::string_view rights = take_word(line);
    for (int i = 0; i < 2; i++) take_word(line);  // offset and device
    const uint64_t inode = take_number(line, 10);
    if (inode == 0 || rights.size() != 4 || rights[1] != '-' || rights[3] != 'p') continue;
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
