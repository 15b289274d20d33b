// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/host_words.h"

#include <cstring>
#include <string_view>

namespace vedette {
namespace {

constexpr size_t kHeadBytes = 4;
constexpr size_t kWordMax = 4096;  // the addon sends none longer
constexpr size_t kWaitingMax = 64 * kWordMax;

// Reads the few msgpack forms from the front of a frame.
class Unpack {
 public:
  explicit Unpack(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::optional<std::string_view> text() {
    const uint8_t head = byte();
    size_t size = 0;
    if ((head & 0xe0) == 0xa0) size = head & 0x1f;
    else if (head == 0xd9) size = byte();
    else if (head == 0xda) size = static_cast<size_t>(big_endian(2));
    else return std::nullopt;
    if (size > bytes_.size()) return std::nullopt;
    const std::string_view value(reinterpret_cast<const char*>(bytes_.data()), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }

  uint64_t number() {
    const uint8_t head = byte();
    if (head < 0x80) return head;
    if (head >= 0xcc && head <= 0xcf) return big_endian(1 << (head - 0xcc));
    return 0;
  }

  uint8_t byte() { return static_cast<uint8_t>(big_endian(1)); }

 private:
  uint64_t big_endian(int size) {
    uint64_t value = 0;
    for (; size > 0; --size) {
      if (bytes_.empty()) return 0;
      value = value << 8 | bytes_[0];
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }

  std::span<const uint8_t> bytes_;
};

HostWord read_word(std::span<const uint8_t> frame) {
  Unpack unpack(frame);
  HostWord word;
  if ((unpack.byte() & 0xf0) != 0x90) return word;
  const std::string_view name = unpack.text().value_or("");
  if (name == "ready") {
    word.kind = HostWord::Kind::Ready;
  } else if (name == "ack") {
    word.kind = HostWord::Kind::Acknowledge;
    word.number = unpack.number();
  } else if (name == "error") {
    word.kind = HostWord::Kind::Error;
    word.text = unpack.text().value_or("");
  }
  return word;
}

}  // namespace

bool HostWords::feed(std::span<const uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  uint32_t size = 0;
  if (bytes_.size() >= kHeadBytes) std::memcpy(&size, bytes_.data(), kHeadBytes);
  return size <= kWordMax && bytes_.size() <= kWaitingMax;
}

std::optional<HostWord> HostWords::next() {
  uint32_t size = 0;
  if (bytes_.size() < kHeadBytes) return std::nullopt;
  std::memcpy(&size, bytes_.data(), kHeadBytes);
  if (bytes_.size() - kHeadBytes < size) return std::nullopt;
  const HostWord word = read_word(std::span(bytes_).subspan(kHeadBytes, size));
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<long>(kHeadBytes + size));
  return word;
}

}  // namespace vedette
