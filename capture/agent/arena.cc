// SPDX-License-Identifier: Apache-2.0
// See arena.h. The hash takes eight bytes a step; it need not be good, only fast: a collision is a miss.
#include "capture/agent/arena.h"

#include <cstring>

namespace vedette {

namespace {

uint64_t load(const char* from, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, from, size);
  return word;
}

uint64_t hash_of(std::string_view bytes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15ull;
  uint64_t hash = bytes.size() * kFactor;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= sizeof hash; at += sizeof hash, left -= sizeof hash) {
    hash = (hash ^ load(at, sizeof hash)) * kFactor;
    hash ^= hash >> 29;
  }
  hash = (hash ^ load(at, left)) * kFactor;
  return hash >> 32;
}

}  // namespace

Arena::Arena() : cache_(kCacheSize) { bytes_.reserve(kBatchBytesMax / 4); }

Span Arena::put(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kCachedMax) return append(bytes);
  Entry& entry = cache_[hash_of(bytes) % kCacheSize];
  if (entry.generation == generation_ && entry.size == bytes.size() &&
      std::memcmp(bytes_.data() + entry.offset, bytes.data(), bytes.size()) == 0) {
    return {entry.offset, entry.size};
  }
  const Span span = append(bytes);
  entry = {generation_, span.offset, span.size};
  return span;
}

Span Arena::append(std::string_view bytes) {
  const Span span{static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(bytes.size())};
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return span;
}

void Arena::clear() {
  bytes_.clear();
  ++generation_;
}

void Arena::shrink(size_t size) {
  bytes_.resize(size);
  ++generation_;  // the cache may point beyond the end now
}

}  // namespace vedette
