// SPDX-License-Identifier: Apache-2.0
// Gives back memory that a start has used and nothing needs later: pages of programs and libraries, and what
// malloc holds of what was freed. Node's start reads two thirds of its 60 MiB of code and constants, and most
// of that is never read again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vedette::addon {

// A part of each segment: the `index`-th, from 0, of so many.
struct Part {
  size_t index = 0, of = 1;
};

// What is mapped of a file, to be read or run, in whole pages.
struct Segment {
  uintptr_t start = 0;
  size_t pages = 0;
  bool is_code = false;
};

// drop_idle_code of one segment.
size_t drop_pages(const Segment& segment, Part part = {});

// Takes pages of programs and libraries out of this process' page table (madvise(2), MADV_DONTNEED): of each
// segment the part that is asked for. All of it at once takes 20 ms the first time. What is read again comes
// back from the page cache, and little beside it: the first call splits large segments of code, and the
// kernel brings no pages of another mapping. Three quarters of what came back were not read.
// Segments that can be written to, or of whose part a page differs from its file (a breakpoint, a
// relocation), are left alone. Gives how many bytes of files were resident.
size_t drop_idle_code(Part part = {});

// For threads that begin from now on. glibc gives each thread an arena, and keeps what is freed there for it:
// 2 MiB each, after V8 has compiled.
void keep_arenas_few();

}  // namespace vedette::addon
