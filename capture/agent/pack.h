// SPDX-License-Identifier: Apache-2.0
// Writes the few msgpack forms that the agent's frames need (docs/wire.md), for example
//
//   array(4)         94
//   text("end")      a3 65 6e 64
//   integer(0)       00
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace vedette {

class Pack {
 public:
  explicit Pack(std::vector<uint8_t>& into) : bytes_(into) {}

  void nil() { bytes_.push_back(0xc0); }
  void integer(uint64_t value) {
    if (value < 0x80) return bytes_.push_back(static_cast<uint8_t>(value));
    wide(value);
  }
  // Always of one width: the receiver may have to write another number over it.
  void wide(uint64_t value) {
    bytes_.push_back(0xcf);
    big_endian(value, 8);
  }
  void array(uint32_t count) { head(0x90, 0xdc, 15, count); }
  void map(uint32_t count) { head(0x80, 0xde, 15, count); }
  void text(std::string_view value) {
    const uint32_t size = static_cast<uint32_t>(value.size());
    if (size < 32) {
      bytes_.push_back(static_cast<uint8_t>(0xa0 | size));
    } else {
      bytes_.push_back(0xdb);
      big_endian(size, 4);
    }
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void binary(const void* data, uint32_t size) {
    bytes_.push_back(0xc6);
    big_endian(size, 4);
    const uint8_t* const from = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
  }

 private:
  void head(uint8_t small, uint8_t wide, uint32_t small_max, uint32_t count) {
    if (count <= small_max) return bytes_.push_back(static_cast<uint8_t>(small | count));
    bytes_.push_back(wide);
    big_endian(count, 2);
  }
  void big_endian(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }

  std::vector<uint8_t>& bytes_;
};

}  // namespace vedette
