// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/host_words.h"

#include <cstring>
#include <string_view>

#include "capture/agent/unpack.h"

namespace vedette {
namespace {

constexpr size_t kHeadBytes = 4;
constexpr size_t kWordMax = 64 << 10;  // the addon sends none longer
constexpr size_t kWaitingMax = 4 * kWordMax;

HostWord read_word(std::span<const uint8_t> frame) {
  Unpack unpack(frame);
  HostWord word;
  if (unpack.array() == 0) return word;
  const std::string_view name = unpack.text().value_or("");
  if (name == "ready") {
    word.kind = HostWord::Kind::Ready;
  } else if (name == "ack") {
    word.kind = HostWord::Kind::Acknowledge;
    word.number = unpack.number();
  } else if (name == "error") {
    word.kind = HostWord::Kind::Error;
    word.text = unpack.text().value_or("");
  } else if (name == "prevent") {
    word.kind = HostWord::Kind::Prevent;
    word.frame.assign(frame.begin(), frame.end());
  } else if (name == "respond") {
    word.kind = HostWord::Kind::Respond;
    word.frame.assign(frame.begin(), frame.end());
  } else if (name == "hash") {
    word.kind = HostWord::Kind::Hash;
    word.frame.assign(frame.begin(), frame.end());
  } else if (name == "age") {
    word.kind = HostWord::Kind::Age;
    word.number = unpack.number();
  } else if (name == "fill") {
    word.kind = HostWord::Kind::Fill;
  } else if (name == "usage") {
    word.kind = HostWord::Kind::Usage;
  } else if (name == "watch") {
    word.kind = HostWord::Kind::Watch;
    for (size_t left = unpack.array(); left > 0 && !unpack.failed(); --left) word.paths.emplace_back(unpack.text().value_or(""));
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
