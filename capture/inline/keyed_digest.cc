// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/keyed_digest.h"

#include <sys/random.h>

#include <bit>
#include <cstring>

namespace vedette {
namespace {

std::array<uint64_t, 2> random_key() {
  std::array<uint64_t, 2> key = {};
  (void)!::getrandom(key.data(), sizeof key, 0);
  return key;
}

const std::array<uint64_t, 2>& key_of_this_run() {
  static const std::array<uint64_t, 2> key = random_key();
  return key;
}

}  // namespace

KeyedDigest::KeyedDigest() : KeyedDigest(key_of_this_run()) {}

KeyedDigest::KeyedDigest(const std::array<uint64_t, 2>& key)
    : v_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573} {}

void KeyedDigest::round() {
  v_[0] += v_[1], v_[1] = std::rotl(v_[1], 13) ^ v_[0], v_[0] = std::rotl(v_[0], 32);
  v_[2] += v_[3], v_[3] = std::rotl(v_[3], 16) ^ v_[2];
  v_[0] += v_[3], v_[3] = std::rotl(v_[3], 21) ^ v_[0];
  v_[2] += v_[1], v_[1] = std::rotl(v_[1], 17) ^ v_[2], v_[2] = std::rotl(v_[2], 32);
}

void KeyedDigest::take(uint64_t word) {
  v_[3] ^= word;
  round();
  v_[0] ^= word;
}

// As the paper has it: whole words, and the rest with the length in the highest byte.
void KeyedDigest::add(const void* from, size_t size) {
  const char* bytes = static_cast<const char*>(from);
  uint64_t word = 0;
  size_t left = size;
  for (; left >= sizeof word; bytes += sizeof word, left -= sizeof word) {
    std::memcpy(&word, bytes, sizeof word);
    take(word);
  }
  word = 0;
  std::memcpy(&word, bytes, left);
  take(word | uint64_t{size} << 56);
}

uint64_t KeyedDigest::finish() {
  v_[2] ^= 0xff;
  for (int i = 0; i < 3; ++i) round();
  return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
}

}  // namespace vedette
