// SPDX-License-Identifier: Apache-2.0
// Registers and results of a program that means no good: values that like to break sums (lengths near 2^64,
// counts) and pointers into a memory that is full of them. From a fixed seed, so that a failure can be shown
// again.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "test/capture/decode/array_memory.h"

namespace vedette {

class Hostile {
 public:
  explicit Hostile(ArrayMemory& memory) {
    std::vector<uint64_t> words(512);
    const uint64_t self = memory.put_array(words);
    for (int i = 0; i < 8; ++i) pointers_.push_back(self + static_cast<uint64_t>(i) * 40);
    pointers_.push_back(memory.put_before_fault("no end"));
    pointers_.push_back(memory.put_text("a path"));
    pointers_.push_back(ArrayMemory::kNowhere);
    for (size_t i = 0; i < words.size(); ++i) memory.store(self + i * 8, value());
  }

  uint64_t value() {
    constexpr uint64_t kOdd[] = {0, 1, 2, 16, 80, 81, 1024, 4096, 0x7fffffff, 0xffffffff, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
    switch (random_() % 4) {
      case 0:
        return kOdd[random_() % std::size(kOdd)];
      case 1:
        return random_() % 64;
      default:
        return pointers_[random_() % pointers_.size()];
    }
  }
  int64_t result() {
    const uint64_t any = value();
    return random_() % 4 == 0 ? -static_cast<int64_t>(random_() % 4095) : static_cast<int64_t>(any >> 1);
  }

 private:
  std::mt19937_64 random_{20240229};
  std::vector<uint64_t> pointers_;
};

}  // namespace vedette
