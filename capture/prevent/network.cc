// SPDX-License-Identifier: Apache-2.0
#include "capture/prevent/network.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <string>

namespace vedette {
namespace {

constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96

std::optional<Endpoint> parse_address(const std::string& text) {
  Endpoint endpoint;
  endpoint.size = text.find(':') == text.npos ? 4 : 16;
  if (inet_pton(endpoint.size == 4 ? AF_INET : AF_INET6, text.c_str(), endpoint.address) != 1) return std::nullopt;
  return endpoint;
}

// "Any" means the loopback to connect(2).
Endpoint as_reached(Endpoint endpoint) {
  if (!endpoint.known() || !endpoint.is_any()) return endpoint;
  if (endpoint.size == 4) endpoint.address[0] = 127;
  endpoint.address[endpoint.size - 1] = 1;
  return endpoint;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<Endpoint> address = parse_address(std::string(text.substr(0, slash)));
  if (!address) return std::nullopt;
  Network network;
  network.base_ = *address;
  network.bits_ = address->size * 8u;
  if (slash != text.npos) {
    const std::string_view bits = text.substr(slash + 1);
    const auto [end, fault] = std::from_chars(bits.data(), bits.data() + bits.size(), network.bits_);
    if (fault != std::errc() || end != bits.data() + bits.size() || network.bits_ > address->size * 8u) return std::nullopt;
  }
  return network;
}

bool Network::holds(const Endpoint& endpoint) const {
  const Endpoint reached = as_reached(endpoint);
  const uint8_t* base = base_.address;
  unsigned bits = bits_;
  if (base_.size == 16 && reached.size == 4) {  // a range within, or around, the wrapped addresses
    constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t wrapped[16];
    std::memcpy(wrapped, kMapped, sizeof kMapped);
    std::memcpy(wrapped + sizeof kMapped, reached.address, 4);
    if (std::memcmp(base, kMapped, std::min(bits, kMappedBits) / 8) != 0) return false;
    if (bits < kMappedBits) return bits == 0 || bits % 8 == 0 || ((base[bits / 8] ^ wrapped[bits / 8]) >> (8 - bits % 8)) == 0;
    base += sizeof kMapped;
    bits -= kMappedBits;
  } else if (base_.size != reached.size) {
    return false;
  }
  if (std::memcmp(base, reached.address, bits / 8) != 0) return false;
  return bits % 8 == 0 || ((base[bits / 8] ^ reached.address[bits / 8]) >> (8 - bits % 8)) == 0;
}

}  // namespace vedette
