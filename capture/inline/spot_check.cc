// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/spot_check.h"

#include <unistd.h>

namespace vedette {
namespace {

// Where there is but one ring, nobody can take another.
bool is_worth_it(RingSlot& slot) {
  return slot.take_has_moved() && slot.has_others() && !slot.is_free() && !slot.is_outgrown() && !slot.is_lent() && !slot.is_asked();
}

}  // namespace

std::optional<Tid> trespasser_of(const RingSlot& slot) {
  // What has been published shows that the boot which attaches it is over; until then its last user is a
  // former one.
  if (!slot.is_attached() || slot.is_free() || slot.ring().published() == 0) return std::nullopt;
  const Segment::Users users = slot.ring().users();
  if (users.last != slot.attacher().get() && users.last != ::getpid()) return Tid(users.last == 0 ? -1 : users.last);
  // Once by us, once by its process: a second place would be one to write to it unseen.
  return users.attached > 2 ? std::optional(slot.attacher()) : std::nullopt;
}

void InlineSpotCheck::look(std::span<RingSlot* const> slots, uint64_t now_ns) {
  if (now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kAskEveryNs;
  for (RingSlot* const slot : slots) {
    if (!slot->is_trespassed() && !trespasser_of(*slot)) continue;
    slot->mark_trespassed();
    slot->ring().starve();  // its thread's next call tells; again, since a ring that has gone slow has been given room meanwhile
  }
  size_t asked = 0;
  for (size_t i = 0; i < slots.size() && asked < kAskedMax; ++i) {
    RingSlot& slot = *slots[next_slot_++ % slots.size()];
    if (!is_worth_it(slot)) continue;
    slot.ask();
    ++asked;
  }
}

}  // namespace vedette
