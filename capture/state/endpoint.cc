// SPDX-License-Identifier: Apache-2.0
// Reading struct sockaddr, and writing addresses as text; see endpoint.h.
#include "capture/state/endpoint.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace vedette {

namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Endpoint make_endpoint(const void* address, uint8_t size, uint16_t port_be) {
  const uint8_t* bytes = static_cast<const uint8_t*>(address);
  Endpoint endpoint;
  if (size == 16 && std::memcmp(bytes, kMappedPrefix, sizeof kMappedPrefix) == 0) {
    bytes += sizeof kMappedPrefix;
    size = 4;
  }
  std::memcpy(endpoint.address, bytes, size);
  endpoint.size = size;
  endpoint.port = ntohs(port_be);
  return endpoint;
}

// sun_path: abstract when it begins with NUL (then it is as long as the address), else it ends at the first
// NUL.
std::string unix_path(std::string_view raw) {
  if (raw.empty()) return {};
  if (raw.front() != '\0') return std::string(raw.substr(0, std::min(raw.find('\0'), raw.size())));
  std::string name(raw);
  std::replace(name.begin(), name.end(), '\0', '@');
  return name;
}

}  // namespace

bool Endpoint::is_any() const {
  return std::all_of(address, address + size, [](uint8_t byte) { return byte == 0; });
}

SocketName parse_socket_name(std::string_view raw) {
  SocketName name;
  sa_family_t family;
  if (raw.size() < sizeof family) return name;
  std::memcpy(&family, raw.data(), sizeof family);
  name.family = family;
  if (family == AF_INET && raw.size() >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, raw.data(), sizeof in);
    name.endpoint = make_endpoint(&in.sin_addr, 4, in.sin_port);
  } else if (family == AF_INET6 && raw.size() >= offsetof(sockaddr_in6, sin6_scope_id)) {
    sockaddr_in6 in{};
    std::memcpy(&in, raw.data(), std::min(raw.size(), sizeof in));
    name.endpoint = make_endpoint(&in.sin6_addr, 16, in.sin6_port);
  } else if (family == AF_UNIX) {
    name.path = unix_path(raw.substr(offsetof(sockaddr_un, sun_path)));
  }
  return name;
}

void append_endpoint(std::string& into, const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  if (endpoint.known()) {
    inet_ntop(endpoint.size == 4 ? AF_INET : AF_INET6, endpoint.address, text, sizeof text);
  }
  into += text;
  into += ':';
  into += std::to_string(endpoint.port);
}

}  // namespace vedette
