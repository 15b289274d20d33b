// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/sealed.h"

#include <sys/shm.h>
#include <sys/syscall.h>

#include <cstring>
#include <numeric>


namespace vedette {
namespace {

constexpr uint32_t kAll = 0xffffffff;
}  // namespace

uint64_t SealedSlot::address() const { return SealedMemory::kBase + index_ * SealedMemory::kSlotBytes; }

void SealedSlot::reset() {
  if (home_ != nullptr) home_->free_.push_back(index_);
  home_ = nullptr;
}

SealedMemory::SealedMemory() : segment_(Segment::create(kBytes, Segment::Use::Code)), free_(kSlots) {
  std::iota(free_.rbegin(), free_.rend(), 0u);  // the first pages are used again and again
}

SealedSlot SealedMemory::fill(std::string_view bytes) {
  SealedSlot slot;
  if (free_.empty() || bytes.size() > kSlotBytes) return slot;
  slot.home_ = this;
  slot.index_ = free_.back();
  free_.pop_back();
  char* const at = reinterpret_cast<char*>(segment_.base()) + slot.index_ * kSlotBytes;
  std::memcpy(at, bytes.data(), bytes.size());
  slot.bytes_ = {at, bytes.size()};
  return slot;
}

// A range that begins below and ends in the segment begins below its end; the rest is harm_of's to tell. The
// inline tier's guards hold this range too.
void SealedMemory::add_guards(std::vector<FilterRule>& rules, bool inlined) const {
  if (!is_open()) return;
  // The boot's gates are open to shmat, but not for this.
  for (const uint32_t nr : {SYS_shmat, SYS_shmctl}) rules.push_back({nr, {{0, kAll, static_cast<uint32_t>(id())}}, {}, true});
  rules.push_back({SYS_shmat,
                   {{1, kHighAddressBits, 0, FilterWord::High},
                    {1, kAll, static_cast<uint32_t>(kBase), FilterWord::Low, FilterTest::NotBelow},
                    {1, kAll, static_cast<uint32_t>(kBase + kBytes), FilterWord::Low, FilterTest::Below}},
                   {},
                   true});
  if (inlined) return;
  for (const MemoryCall& call : memory_calls()) {
    FilterRule rule{call.nr, {}};
    rule.conditions.push_back({call.address, kHighAddressBits, 0, FilterWord::High});
    rule.conditions.push_back({call.address, kAll, static_cast<uint32_t>(kBase + kBytes), FilterWord::Low, FilterTest::Below});
    if (call.anywhere || call.flag != 0) rule.conditions.push_back({call.address, kAll, 1, FilterWord::Low, FilterTest::NotBelow});
    rules.push_back(std::move(rule));
  }
}

bool SealedMemory::is_opened_by(const SyscallInfo& info) const { return is_open() && named_segment(info) == id(); }

// What only asks is told by the kernel that something lies there.
std::optional<MemoryDeed> SealedMemory::harm_of(const SyscallInfo& info) {
  for (const MemoryUse& use : memory_uses(info)) {
    const bool is_harm = use.deed == MemoryDeed::Replaces || use.deed == MemoryDeed::Changes;
    if (is_harm && overlap(use.range, {kBase, kBase + kBytes})) return use.deed;
  }
  return std::nullopt;
}

}  // namespace vedette
