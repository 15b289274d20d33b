// SPDX-License-Identifier: Apache-2.0
// See arena.h. The hash looks at the ends and the middle only: it need not be good, only fast, since a
// collision is a miss.
#include "capture/agent/arena.h"

#include <cstring>

namespace vedette {

namespace {

uint64_t load(const char* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t hash_of(std::string_view bytes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15ull;
  const char* const at = bytes.data();
  const size_t size = bytes.size();
  uint64_t first = 0, middle = 0, last = 0;
  if (size < sizeof first) {
    std::memcpy(&first, at, size);
  } else {
    first = load(at);
    middle = load(at + (size - sizeof middle) / 2);
    last = load(at + size - sizeof last);
  }
  uint64_t hash = (first ^ size) * kFactor;
  hash = (hash ^ (hash >> 32) ^ middle) * kFactor;
  hash = (hash ^ (hash >> 32) ^ last) * kFactor;
  return hash >> 32;
}

}  // namespace

Arena::Arena() : cache_(kCacheSize) { }

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
  bytes_.append(bytes.data(), bytes.size());
  return span;
}

void Arena::clear() {
  bytes_.clear();
  ++generation_;
}

void Arena::shrink(size_t size) {
  bytes_.shrink(size);
  ++generation_;  // the cache may point beyond the end now
}

}  // namespace vedette
