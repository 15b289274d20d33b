// SPDX-License-Identifier: Apache-2.0
// The dynamic linker lists the segments of programs and libraries (dl_iterate_phdr(3)), and
// /proc/self/pagemap (proc_pid_pagemap(5)) has a word for each page:
//
//   bit 63: it is in memory   62: it is swapped out   61: it is the file's, or shared
//
// /proc/self/maps would list them as well, but it has a line for each piece (see split), and the kernel takes
// a microsecond for a line.
#include "capture/addon/idle_code.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

namespace vedette::addon {

namespace {
constexpr uint64_t kPresent = uint64_t{1} << 63, kSwapped = uint64_t{1} << 62, kOfFile = uint64_t{1} << 61;
// Of a mapping. Where one page is read, the kernel brings those around it (16), but none of another mapping.
// With one page in place of two a host has 2 MiB less in memory, and each call takes twice as long.
constexpr size_t kPiecePages = 2;
// Where less is mapped, there is little to save; nor where it is no code: of 57 MiB of constants 5 are read.
constexpr size_t kSplitBytes = 256 << 10;

struct Range {
  uintptr_t start = 0, end = 0;
  bool is_split = false;
};

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

void* at(uintptr_t address) { return reinterpret_cast<void*>(address); }

// Makes mappings of kPiecePages of it. Neighbours of different advice are apart, and this advice is of no
// other effect: no core dump has pages of files.
void split(const Range& range) {
  static std::set<uintptr_t> done;
  if (!range.is_split || !done.insert(range.start).second) return;
  const size_t piece = kPiecePages * kPage;
  for (uintptr_t from = range.start; from < range.end; from += 2 * piece)
    madvise(at(from), std::min(piece, range.end - from), MADV_DONTDUMP);
}

// How many bytes of it are in memory; 0 also where a page differs from the file.
size_t resident_unchanged(const Range& range) {
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (pagemap < 0) return 0;
  std::vector<uint64_t> words((range.end - range.start) / kPage);
  const size_t size = words.size() * sizeof(uint64_t);
  const off_t offset = static_cast<off_t>(range.start / kPage * sizeof(uint64_t));
  const bool is_read = pread(pagemap, words.data(), size, offset) == static_cast<ssize_t>(size);
  close(pagemap);
  if (!is_read) return 0;
  size_t pages = 0;
  for (const uint64_t word : words) {
    if ((word & kSwapped) != 0 || (word & (kPresent | kOfFile)) == kPresent) return 0;
    if ((word & kPresent) != 0) pages++;
  }
  return pages * kPage;
}

// Those of a program or a library that are not written to.
std::vector<Segment> segments_of(const dl_phdr_info& object) {
  std::vector<Segment> segments;
  if (object.dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return segments;  // the vDSO is no file
  for (size_t i = 0; i < object.dlpi_phnum; i++) {
    const ElfW(Phdr)& header = object.dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) != 0) continue;
    const uintptr_t start = object.dlpi_addr + header.p_vaddr, first = start / kPage * kPage;
    const size_t pages = (start + header.p_memsz - first + kPage - 1) / kPage;
    segments.push_back({first, pages, (header.p_flags & PF_X) != 0});
  }
  return segments;
}
}  // namespace

void keep_arenas_few() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
#endif
}

size_t drop_pages(const Segment& segment, Part part) {
  const auto page = [&](size_t index) { return segment.start + segment.pages * index / part.of * kPage; };
  const Range range{page(part.index), page(part.index + 1), segment.is_code && segment.pages * kPage >= kSplitBytes};
  if (range.start == range.end) return 0;
  const size_t resident = resident_unchanged(range);
  split(range);
  return resident > 0 && madvise(at(range.start), range.end - range.start, MADV_DONTNEED) == 0 ? resident : 0;
}

size_t drop_idle_code(Part part) {
#ifdef __GLIBC__
  if (part.index == 0) malloc_trim(0);
#endif
  struct {
    Part part;
    size_t dropped = 0;
  } work{part};
  // While it calls us, nothing is loaded or unloaded: what it lists stays true until it is used.
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* into) {
        auto& [part, dropped] = *static_cast<decltype(work)*>(into);
        for (const Segment& segment : segments_of(*object)) dropped += drop_pages(segment, part);
        return 0;
      },
      &work);
  return work.dropped;
}

}  // namespace vedette::addon
