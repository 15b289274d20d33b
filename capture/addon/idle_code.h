// SPDX-License-Identifier: Apache-2.0
// Gives back memory that a start has used and nothing needs later: pages of programs and libraries, and what
// malloc holds of what was freed. Node's start reads two thirds of its 60 MiB of code and constants, and most
// of that is never read again.
#pragma once

#include <cstddef>

namespace vedette::addon {

// Takes pages of files out of this process' page table (madvise(2), MADV_DONTNEED). What is read again comes
// back from the page cache, and little beside it: the first call splits large mappings of code, and the
// kernel brings no pages of another mapping. Half of what came back was not read. Mappings that can be
// written to, or of which a page differs from its file (a breakpoint, a relocation), are left alone. Gives
// how many bytes of files were resident.
size_t drop_idle_code();

// For threads that begin from now on. glibc gives each thread an arena, and keeps what is freed there for it:
// 2 MiB each, after V8 has compiled.
void keep_arenas_few();

}  // namespace vedette::addon
