// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inline_spot_check.h"

#include <utility>

namespace vedette {
namespace {

// Where there is but one ring, nobody can take another.
bool is_worth_it(RingSlot& slot) {
  const bool moved = slot.ring->position() != std::exchange(slot.asked_at, slot.ring->position());
  return moved && slot.has_others && !slot.is_free() && !slot.outgrown && !slot.lent && !slot.asked;
}

}  // namespace

void InlineSpotCheck::look(std::span<RingSlot* const> slots, uint64_t now_ns) {
  if (now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kAskEveryNs;
  size_t asked = 0;
  for (size_t i = 0; i < slots.size() && asked < kAskedMax; ++i) {
    RingSlot& slot = *slots[next_slot_++ % slots.size()];
    if (!is_worth_it(slot)) continue;
    slot.asked = true;
    slot.ring->starve();
    ++asked;
  }
}

}  // namespace vedette
