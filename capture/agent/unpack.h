// SPDX-License-Identifier: Apache-2.0
// Reads the few msgpack forms that a host writes, from the front of a frame. What is none of them, or is cut
// short, reads as nothing, and `failed` says so for ever: a reader may go on and ask once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vedette {

class Unpack {
 public:
  explicit Unpack(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }

  // Elements of an array.
  size_t array() {
    const uint8_t head = byte();
    if ((head & 0xf0) == 0x90) return head & 0x0f;
    if (head == 0xdc) return static_cast<size_t>(big_endian(2));
    return fail();
  }

  std::optional<std::string_view> text() {
    const uint8_t head = byte();
    size_t size = 0;
    if ((head & 0xe0) == 0xa0) size = head & 0x1f;
    else if (head == 0xd9) size = byte();
    else if (head == 0xda) size = static_cast<size_t>(big_endian(2));
    else fail();
    if (size > bytes_.size()) fail();
    if (failed_) return std::nullopt;
    const std::string_view value(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }

  uint64_t number() {
    const uint8_t head = byte();
    if (head < 0x80) return head;
    if (head >= 0xcc && head <= 0xcf) return big_endian(1 << (head - 0xcc));
    return fail();
  }

  uint8_t byte() { return static_cast<uint8_t>(big_endian(1)); }

 private:
  uint64_t big_endian(int size) {
    uint64_t value = 0;
    for (; size > 0; --size) {
      if (bytes_.empty()) return fail();
      value = value << 8 | bytes_[0];
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }

  uint64_t fail() {
    failed_ = true;
    return 0;
  }

  std::span<const uint8_t> bytes_;
  bool failed_ = false;
};

}  // namespace vedette
