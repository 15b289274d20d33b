// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/thrift.h"

#include <string>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint64_t kLooseMax = 16u << 10;  // of a thread that still moves: a hole costs more than some pages

// /proc/TID/syscall: the number and arguments of the call that a sleeping thread is in; "running", or -1
// where it sleeps for another reason.
bool is_in_call(Tid tid) {
  std::string text;
  constexpr size_t kLineMax = 256;
  return read_file(ProcPath(tid, "syscall"), text, kLineMax) && !text.empty() && text[0] >= '0' && text[0] <= '9';
}

}  // namespace

void InlineThrift::look(std::span<RingSlot* const> slots, uint64_t now_ns) {
  if (now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kLookEveryNs;
  for (RingSlot* const slot : slots) {
    if (slot->is_free()) {
      if (slot->ring().loose_bytes() > 0) slot->ring().give_back_all();
    } else if (slot->ring().data_bytes() > Ring::kSmall) {
      look_at(*slot);
    }
  }
}

void InlineThrift::look_at(RingSlot& slot) {
  Ring& ring = slot.ring();
  const uint64_t moved = slot.take_moved();
  if (moved > kSlowBytes) {
    slot.count_busy_look();
  } else if (!ring.is_narrow()) {
    slot.count_slow_look();
  } else if (ring.loose_bytes() > (moved == 0 ? 0 : kLooseMax) && is_in_call(slot.owner())) {
    (void)ring.give_back_loose();
  }
}

}  // namespace vedette
