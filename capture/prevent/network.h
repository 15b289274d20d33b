// SPDX-License-Identifier: Apache-2.0
// A range of IP addresses, as in 10.0.0.0/8 or fd00::/8. An address that IPv6 wraps (::ffff:10.1.2.3) is the
// IPv4 address, as everywhere (state/endpoint.h); the address "any" (0.0.0.0, ::) is the loopback's, since
// that is where the kernel connects it.
#pragma once

#include <optional>
#include <string_view>

#include "capture/state/endpoint.h"

namespace vedette {

class Network {
 public:
  // ADDRESS or ADDRESS/BITS; nothing when it is neither.
  static std::optional<Network> parse(std::string_view text);
  bool holds(const Endpoint& endpoint) const;

 private:
  Endpoint base_;
  unsigned bits_ = 0;
};

}  // namespace vedette
