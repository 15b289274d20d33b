// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for files that are read piece by piece. Plain code: the agent is one static program
// without a library of cryptography, and 64 MiB take it a third of a second.
//
//   Sha256 hash; hash.add("abc"); hash.done()      ba 78 16 bf ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vedette {

class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  void add(std::span<const uint8_t> bytes);
  // Of all that was added. Nothing can be added behind it.
  Digest done();

 private:
  static constexpr size_t kBlock = 64;
  void take(const uint8_t* block);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, kBlock> rest_{};  // what is no whole block yet
  uint64_t size_ = 0;
};

}  // namespace vedette
