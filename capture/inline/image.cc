// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/image.h"

#include <algorithm>
#include <array>

namespace vedette {

std::unique_ptr<ImageData> InlineImage::copy() const {
  auto child = std::make_unique<InlineImage>(home_);
  child->active = active;
  child->files = files;
  child->code = code;
  child->text = text;
  child->program = program;
  child->code_look.knows_program = code_look.knows_program;
  return child;
}

MappedFile* InlineImage::file_at(uint64_t address) {
  const auto found = std::find_if(files.begin(), files.end(), [address](const MappedFile& file) { return file.holds(address); });
  return found == files.end() ? nullptr : &*found;
}

MappedFile& InlineImage::add(MappedFile mapped) {
  forget(mapped.start, mapped.end);
  return files.emplace_back(std::move(mapped));
}

void InlineImage::forget(uint64_t start, uint64_t end) {
  std::erase_if(files, [start, end](const MappedFile& file) { return file.start < end && start < file.end; });
}

Ref<RingSlot> InlineImage::free_slot(size_t data_bytes) {
  for (const Ref<RingSlot>& slot : slots) {
    if (slot->is_attached() && slot->is_free() && slot->ring().data_bytes() == data_bytes) return slot;
  }
  return nullptr;
}

Ref<RingSlot> InlineImage::add_slot(std::unique_ptr<Ring> ring) {
  if (next_slot_ == kRingSlotsMax) return nullptr;
  // The first lies beside the page: the kernel then needs no more tables of pages for it.
  const bool is_first = next_slot_ == 0 && ring->bytes() <= VEDETTE_STUBS_FIXED - VEDETTE_FIRST_RING;
  const uint64_t address = is_first ? VEDETTE_FIRST_RING : kRingRegion + next_slot_ * kRingSlotBytes;
  ++next_slot_;
  Ref<RingSlot> slot = make_ref<RingSlot>(home_, std::move(ring), address);
  if (!slots.empty()) slot->mark_others();
  for (const Ref<RingSlot>& other : slots) other->mark_others();
  return slots.emplace_back(std::move(slot));
}

bool InlineImage::holds(MemoryRange range) const {
  const auto is_there = [range](uint64_t address, size_t bytes) { return overlap(range, {address, address + bytes}); };
  return std::any_of(slots.begin(), slots.end(), [&](const Ref<RingSlot>& slot) { return is_there(slot->address(), slot->ring().bytes()); }) ||
         std::any_of(files.begin(), files.end(), [&](const MappedFile& file) {
           return std::ranges::any_of(std::array{file.near, file.hooks}, [&](const NearSegment* near) {
             if (near == nullptr) return false;
             const uint64_t address = file.bias + static_cast<uint64_t>(near->stubs.distance);
             return address < VEDETTE_AGENT_LIMIT && is_there(address, near->segment.bytes());
           });
         });
}

bool InlineImage::has_slot_at(uint64_t context_base) const {
  return std::any_of(slots.begin(), slots.end(), [context_base](const Ref<RingSlot>& each) { return each->context_base() == context_base; });
}

void InlineImage::remove_slot(const RingSlot* slot) {
  const auto found = std::find_if(slots.begin(), slots.end(), [slot](const Ref<RingSlot>& each) { return each.get() == slot; });
  if (found != slots.end()) slots.erase(found);
}

}  // namespace vedette
