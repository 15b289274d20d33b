// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/host_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

namespace vedette {
namespace {

using Kind = HostAddress::Kind;

std::optional<int> number_in(std::string_view text, int least, int most) {
  int value = 0;
  const std::from_chars_result parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<HostAddress> with_path(HostAddress address, Kind kind, std::string_view path) {
  constexpr size_t kPathMax = sizeof(sockaddr_un::sun_path) - 1;
  if (path.empty() || path.size() > kPathMax) return std::nullopt;
  address.kind = kind;
  address.path = path;
  return address;
}

std::optional<HostAddress> with_number(HostAddress address, Kind kind, std::string_view text, int least, int most) {
  const std::optional<int> number = number_in(text, least, most);
  if (!number) return std::nullopt;
  address.kind = kind;
  address.number = *number;
  return address;
}

Result<Fd> connect_socket(int family, const sockaddr* address, size_t size) {
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return Errno::last();
  if (::connect(socket.get(), address, static_cast<socklen_t>(size)) < 0) return Errno::last();
  return socket;
}

Result<Fd> take_inherited(int number) {
  const int flags = ::fcntl(number, F_GETFD);
  if (flags < 0 || ::fcntl(number, F_SETFD, flags | FD_CLOEXEC) < 0) return Errno::last();
  return Fd(number);
}

Result<Fd> connect_unix(const std::string& path, bool abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), path.data(), path.size());
  const size_t size = offsetof(sockaddr_un, sun_path) + path.size() + 1;
  return connect_socket(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), size);
}

Result<Fd> connect_tcp(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect_socket(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

std::optional<HostAddress> parse_host_address(std::string_view text) {
  constexpr int kDescriptorMax = 1 << 20;
  constexpr int kPortMax = 65535;
  HostAddress address;
  address.text = text;
  if (text == "discard") return address;
  if (take_prefix(text, "fd:")) return with_number(std::move(address), Kind::Inherited, text, 3, kDescriptorMax);
  if (take_prefix(text, "unix:")) return with_path(std::move(address), Kind::Unix, text);
  if (take_prefix(text, "abstract:")) return with_path(std::move(address), Kind::Abstract, text);
  if (take_prefix(text, "tcp:127.0.0.1:")) return with_number(std::move(address), Kind::Tcp, text, 1, kPortMax);
  return std::nullopt;
}

Result<Fd> connect_to(const HostAddress& address) {
  switch (address.kind) {
    case Kind::Inherited: return take_inherited(address.number);
    case Kind::Unix: return connect_unix(address.path, false);
    case Kind::Abstract: return connect_unix(address.path, true);
    case Kind::Tcp: return connect_tcp(address.number);
    case Kind::Discard: break;
  }
  return Fd();
}

}  // namespace vedette
