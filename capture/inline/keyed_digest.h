// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3 with a key that this run alone knows: who chooses the bytes cannot choose the digest, so nobody
// can make his code pass for another's (Aumasson and Bernstein, 2012; one round a word and three at the end).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vedette {

class KeyedDigest {
 public:
  KeyedDigest();
  // For tests.
  explicit KeyedDigest(const std::array<uint64_t, 2>& key);
  // Each addition counts by itself: "ab" and "c" is not "a" and "bc".
  void add(const void* bytes, size_t size);
  uint64_t finish();

 private:
  void take(uint64_t word);
  void round();
  uint64_t v_[4];
};

}  // namespace vedette
