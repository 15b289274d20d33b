// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/sha256.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace vedette;

namespace {

std::span<const uint8_t> bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string hex(const Sha256::Digest& digest) {
  std::string text;
  for (const uint8_t byte : digest) text += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  return text;
}

std::string hash_of(std::string_view text) {
  Sha256 hash;
  hash.add(bytes_of(text));
  return hex(hash.done());
}

}  // namespace

// FIPS 180-4's own examples, and the lengths around a block.
TEST_CASE("a digest is that of the standard's examples") {
  CHECK(hash_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hash_of(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a digest does not depend on the pieces") {
  const std::string text(300, 'x');
  for (size_t size = 0; size < text.size(); ++size) {
    const std::string_view whole = std::string_view(text).substr(0, size);
    for (const size_t piece : {1u, 7u, 63u, 64u, 65u}) {
      Sha256 hash;
      for (size_t at = 0; at < size; at += piece) hash.add(bytes_of(whole.substr(at, piece)));
      CHECK(hex(hash.done()) == hash_of(whole));
    }
  }
}
