// SPDX-License-Identifier: Apache-2.0
// The addresses of an image at which something has been made executable by a call on record, or by its exec.
// It only grows: what is unmapped, or no longer executable, needs another such call to be so again.
#pragma once

#include <cstddef>
#include <vector>

#include "capture/tracer/memory_calls.h"

namespace vedette {

class CodeRanges {
 public:
  static constexpr size_t kMax = 4096;  // with more places than these apart, everything counts as known

  void add(MemoryRange range);
  bool cover(MemoryRange range) const { return covered_until(range.start) >= range.end; }
  // Where what is known from `start` on ends; `start` itself: nothing is.
  uint64_t covered_until(uint64_t start) const;
  // Whether some of it may be executable.
  bool touch(MemoryRange range) const;

 private:
  std::vector<MemoryRange> ranges_;  // in order, apart from each other
  bool is_full_ = false;
};

}  // namespace vedette
