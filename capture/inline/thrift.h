// SPDX-License-Identifier: Apache-2.0
// Takes memory back from rings whose threads have become slow: a thread that was busy once keeps the place of
// a large ring, but not its pages. Three looks: slow for two in a row, and the ring is narrowed; at the next,
// if its thread stands in a system call, all but what a small ring has goes back to the kernel. A thread that
// is busy again gets its room back when the tracer sees it fill, or when its first call that finds none
// traps. A ring that no thread has keeps nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/inline/image.h"

namespace vedette {

class InlineThrift {
 public:
  static constexpr uint64_t kLookEveryNs = 1'000'000'000;
  static constexpr uint64_t kSlowBytes = 64u << 10;  // recorded from one look to the next, at most

  // After all rings have been drained.
  void look(std::span<RingSlot* const> slots, uint64_t now_ns);

 private:
  void look_at(RingSlot& slot);

  uint64_t next_look_ns_ = 0;
};

}  // namespace vedette
