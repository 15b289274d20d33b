// SPDX-License-Identifier: Apache-2.0
#include "capture/state/endpoint.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "capture/state/net_text.h"
#include "test/capture/state/fake_truth.h"

using namespace vedette;

namespace {

template <typename T>
std::string_view raw(const T& value, size_t size = sizeof(T)) {
  return {reinterpret_cast<const char*>(&value), size};
}

std::string text_of(const Endpoint& endpoint) {
  std::string text;
  append_endpoint(text, endpoint);
  return text;
}

sockaddr_in6 ipv6(const char* address, uint16_t port) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  inet_pton(AF_INET6, address, &in.sin6_addr);
  return in;
}

}  // namespace

TEST_CASE("an IPv4 address that an IPv6 socket wraps is an IPv4 address") {
  CHECK(text_of(parse_socket_name(raw(ipv6("::ffff:169.254.170.2", 80))).endpoint) == "169.254.170.2:80");
  CHECK(text_of(parse_socket_name(raw(ipv6("fd00:ec2::23", 443))).endpoint) == "fd00:ec2::23:443");
  CHECK(parse_socket_name(raw(ipv6("::", 1))).endpoint.is_any());
  CHECK_FALSE(parse_socket_name(raw(ipv6("::1", 1))).endpoint.is_any());
}

TEST_CASE("an address that is too short, or of no family we read, has no endpoint") {
  CHECK_FALSE(parse_socket_name(raw(ipv6("::1", 1), 10)).endpoint.known());
  CHECK(parse_socket_name("").family == AF_UNSPEC);
  CHECK(parse_socket_name("\1").family == AF_UNSPEC);
  CHECK_FALSE(parse_socket_name(std::string_view("\x10\0abcdefghijkl", 14)).endpoint.known());
}

TEST_CASE("a Unix address is a path, an abstract name with @, or nothing") {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::strcpy(un.sun_path, "/run/x.sock");
  CHECK(parse_socket_name(raw(un)).path == "/run/x.sock");
  std::memcpy(un.sun_path, "\0name", 5);
  CHECK(parse_socket_name(raw(un, 2 + 5)).path == "@name");
  CHECK(parse_socket_name(raw(un, 2)).path == "");
}

TEST_CASE("a socket is found in the tables of /proc/net by its inode") {
  FakeTruth kernel;
  std::string scratch;
  kernel.texts["9/net/tcp"] =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 555 1 0 100 0 0 10 0\n"
      "   1: 0200000A:D431 02AAFEA9:0050 01 00000000:00000000 00:00000000 00000000     0        0 777 1 0 20 4 30 10 -1\n";
  kernel.texts["9/net/tcp6"] =
      "  sl  local_address rem_address st ...\n"
      "   0: 0000000000000000FFFF00000100007F:0016 0000000000000000FFFF00000200000A:C000 01 0:0 0:0 0 0 0 888 1\n";
  kernel.texts["9/net/unix"] =
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 999 /run/x.sock\n";
  const std::optional<SocketFacts> listener = find_socket(kernel, 9, 555, scratch);
  REQUIRE(listener);
  CHECK(listener->listening);
  CHECK(text_of(listener->local.endpoint) == "127.0.0.1:8080");
  CHECK_FALSE(listener->remote.endpoint.known());
  const std::optional<SocketFacts> client = find_socket(kernel, 9, 777, scratch);
  REQUIRE(client);
  CHECK_FALSE(client->listening);
  CHECK(text_of(client->local.endpoint) == "10.0.0.2:54321");
  CHECK(text_of(client->remote.endpoint) == "169.254.170.2:80");
  const std::optional<SocketFacts> mapped = find_socket(kernel, 9, 888, scratch);
  REQUIRE(mapped);
  CHECK(mapped->domain == AF_INET6);
  CHECK(text_of(mapped->remote.endpoint) == "10.0.0.2:49152");
  const std::optional<SocketFacts> local = find_socket(kernel, 9, 999, scratch);
  REQUIRE(local);
  CHECK(local->local.path == "/run/x.sock");
  CHECK(local->type == SOCK_STREAM);
  CHECK_FALSE(find_socket(kernel, 9, 1234, scratch));
}
