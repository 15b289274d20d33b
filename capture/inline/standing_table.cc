// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/standing_table.h"

#include <atomic>
#include <bit>
#include <cstring>

#include "capture/wire/ring.h"

namespace vedette {

uint64_t standing_hash(std::string_view path) {
  uint64_t hash = 0;
  for (size_t at = 0; at <= path.size(); at += 8) {
    uint64_t word = 0;
    memcpy(&word, path.data() + at, std::min<size_t>(8, path.size() - at));
    hash = std::rotl((hash ^ word) * VEDETTE_HASH_FACTOR, 32);
  }
  return hash | 1;
}

uint64_t* InlineStandingTable::slot_of(uint64_t hash) const {
  const uint32_t slot = static_cast<uint32_t>(hash) >> VEDETTE_STANDING_SHIFT;
  static_assert((uint64_t{1} << (32 - VEDETTE_STANDING_SHIFT)) == VEDETTE_STANDING_SLOTS);
  return reinterpret_cast<uint64_t*>(page_ + (VEDETTE_STANDING - VEDETTE_AGENT_BASE)) + slot;
}

bool InlineStandingTable::show(std::string_view path) {
  const uint64_t hash = standing_hash(path);
  std::atomic_ref<uint64_t> slot(*slot_of(hash));
  if (slot.load(std::memory_order_relaxed) != 0) return false;
  slot.store(hash, std::memory_order_release);
  return true;
}

void InlineStandingTable::hide(std::string_view path) {
  std::atomic_ref<uint64_t>(*slot_of(standing_hash(path))).store(0, std::memory_order_release);
  if (!is_suspended_) next_version(), next_version();
}

void InlineStandingTable::suspend() {
  if (!is_suspended_) next_version();
  is_suspended_ = true;
}

void InlineStandingTable::resume() {
  if (is_suspended_) next_version();
  is_suspended_ = false;
}

// Whoever opens after this has another one; so has who opens at this moment, when he looks again.
void InlineStandingTable::next_version() {
  std::atomic_ref<uint32_t> version(*reinterpret_cast<uint32_t*>(page_ + (VEDETTE_STANDING_VERSION - VEDETTE_AGENT_BASE)));
  version.fetch_add(1, std::memory_order_seq_cst);
}

}  // namespace vedette
