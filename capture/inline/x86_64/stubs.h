// SPDX-License-Identifier: Apache-2.0
// The stubs of one file's sites, as an image that lies near the file's code (a jump reaches 2 GB):
//
//   stub     the instructions that moved | lea end_of_site(%rip),%rcx | jmp *[entry for any number]
//                                                                       mov $entry,%r11d; jmp *%r11   where the last of them loads the number
//
// A stub touches nothing but what the moved instructions touch, rcx and r11. It holds no absolute address of
// the file, so one image serves every process that has the file mapped at the same distance: it is built once
// and attached many times. The instructions run first, because rcx and r11 may be alive in them (glibc, Go);
// behind them the syscall would spoil both.
//
// A question to the processor (answers.h) has another one:
//
//   stub     the instructions that moved | look for eax and ecx in the list of answers | found: the four registers; jmp end_of_site
//                                                                                      | not: jmp to the site's own cpuid
//
// It touches what the cpuid would spoil, rbx and rdx before the answer is found, and the flags.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "capture/inline/x86_64/answers.h"
#include "capture/inline/x86_64/sites.h"

namespace vedette {

// Bytes to write over the file's code, and what must stand there before.
struct Patch {
  static constexpr unsigned kMax = 32;
  uint64_t address = 0;  // in the file's addresses
  uint8_t size = 0;
  std::array<uint8_t, kMax> before = {};
  std::array<uint8_t, kMax> after = {};
};

struct SiteStub {
  uint64_t address = 0;      // in the file's addresses; 0: none
  uint8_t moved_size = 0;    // bytes of moved instructions at its start
  uint8_t size = 0;          // of all that may be given up in favour of the site's own instruction
  uint8_t answer_size = 0;   // bytes behind, which may not
  std::vector<Patch> patches;
};

struct StubImage {
  int64_t distance = 0;         // from the file's address 0 to the image
  std::vector<uint8_t> code;
  std::vector<SiteStub> stubs;  // as the sites
};

// Sites whose stub cannot be built at this distance get none.
StubImage build_stubs(FileView file, const ElfImage& image, const std::vector<Site>& sites, int64_t distance);
// The same of sites that ask the processor.
StubImage build_answering(FileView file, const ElfImage& image, const std::vector<Site>& sites, std::span<const CpuidAnswer> answers, int64_t distance);

}  // namespace vedette
