// SPDX-License-Identifier: Apache-2.0
// Any bytes as Go's table of functions. (libFuzzer: docs/testing.md)
#include "capture/inline/elf.h"

using namespace vedette;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<FunctionRange> functions;
  add_go_functions(FileView(std::as_bytes(std::span(data, size))), functions);
  return 0;
}
