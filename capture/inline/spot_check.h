// SPDX-License-Identifier: Apache-2.0
// Which thread is it that records in a ring? The stub finds its ring by GS base, which a program can set to
// another thread's without any call. So now and then a ring that is busy is made to look full: the next call
// that finds it so traps, and the kernel says whose it is and what its GS base is (intrusion.h). A few rings
// a second: a trap costs what a thousand inline calls do.
//
// And which process? The filter lets nobody attach another's ring but who knows a number of ours that is
// never in the program's memory, only in registers at an exec. The kernel keeps the last process that
// attached a segment, and how often it is attached, so a ring can be asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "capture/inline/image.h"

namespace vedette {

// A process that has attached this ring, and is none of those that may, or its own that has it twice;
// Tid(-1): one that we cannot see. A ring is not copied by a fork, and the one that attached it is the one
// that lets go of it.
std::optional<Tid> trespasser_of(const RingSlot& slot);

class InlineSpotCheck {
 public:
  static constexpr uint64_t kAskEveryNs = 1'000'000'000;
  static constexpr size_t kAskedMax = 4;

  // After all rings have been drained.
  void look(std::span<RingSlot* const> slots, uint64_t now_ns);

 private:
  uint64_t next_look_ns_ = 0;
  size_t next_slot_ = 0;
};

}  // namespace vedette
