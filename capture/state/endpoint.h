// SPDX-License-Identifier: Apache-2.0
// Socket addresses as records carry them: an Endpoint is an IP address and a port, a SocketName any address a
// socket can have. An IPv4 address that an IPv6 socket wraps (::ffff:1.2.3.4) is the IPv4 address: rules
// speak of that.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace vedette {

// 4 or 16 bytes of address, or nothing.
struct Endpoint {
  uint8_t address[16] = {};
  uint8_t size = 0;  // 0: unknown, 4, 16
  uint16_t port = 0;

  bool known() const { return size != 0; }
  bool is_any() const;  // unknown, or 0.0.0.0 or ::
  bool operator==(const Endpoint& other) const {
    return size == other.size && port == other.port && std::memcmp(address, other.address, size) == 0;
  }
};

struct SocketName {
  uint16_t family = 0;  // AF_UNSPEC: nothing known
  Endpoint endpoint;    // AF_INET, AF_INET6
  std::string path;     // AF_UNIX: a path, or @NAME for an abstract one; empty when unnamed
};

// From the bytes of a struct sockaddr, as many as there are.
SocketName parse_socket_name(std::string_view raw);

// Appends 1.2.3.4:5 or ::1:5, Falco's form.
void append_endpoint(std::string& into, const Endpoint& endpoint);

}  // namespace vedette
