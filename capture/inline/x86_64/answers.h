// SPDX-License-Identifier: Apache-2.0
// What the processor says of itself, asked once for all processes. In a virtual machine every CPUID goes to
// the hypervisor and back (5,000 ns where docs/performance.md was measured), and glibc's dynamic linker asks
// forty times before it does anything else: in a process that lives half a millisecond that is a third of it.
// The boot of a new image leads those questions to stubs that know the answers (stubs.h).
//
// Only what is the same on every processor, and for as long as the kernel runs, is answered: features,
// caches, the sizes of saved state. Questions whose answer names the processor they are asked on (leaves 1,
// 0xb, 0x1f, 0x8000001e), and all that are not known here, go to the processor as ever. Leaves: Intel SDM
// volume 2, CPUID; AMD APM volume 3, appendix E.
#pragma once

#include <cstdint>
#include <vector>

namespace vedette {

// As the stubs read it.
struct CpuidAnswer {
  static constexpr uint32_t kNoLeaf = 0xffffffff;  // ends a list

  uint32_t leaf = kNoLeaf;     // eax of the question
  uint32_t mask = 0;           // bits of ecx that matter: all, or none where a leaf has no parts
  uint32_t part = 0;           // ecx, where it matters
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  uint32_t reserved = 0;
};

// Whether asking costs so much that an answer is worth its stub: under a hypervisor. Not where processors
// differ from each other.
bool cpuid_is_dear();
// Asked now; what is asked for most often comes first.
std::vector<CpuidAnswer> cpuid_answers();

}  // namespace vedette
