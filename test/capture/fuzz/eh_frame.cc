// SPDX-License-Identifier: Apache-2.0
// Any bytes as .eh_frame, at any place of a file. The first 16 say where it is claimed to stand. (libFuzzer:
// docs/testing.md)
#include <cstring>

#include "capture/inline/elf.h"

using namespace vedette;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  struct {
    uint32_t offset, size;
    uint64_t address;
  } claim;
  if (size < sizeof claim) return 0;
  std::memcpy(&claim, data, sizeof claim);
  const FileView file(std::as_bytes(std::span(data + sizeof claim, size - sizeof claim)));
  std::vector<FunctionRange> functions;
  add_unwind_functions(file, claim.offset, claim.address, claim.size, functions);
  add_unwind_functions(file, 0, claim.address, file.size(), functions);
  return 0;
}
