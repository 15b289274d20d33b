// SPDX-License-Identifier: Apache-2.0
// A line of net/tcp: "0: 0100007F:1F90 00000000:0000 0A tx:rx tr:tm retrnsmt uid timeout inode ...",
// addresses as 32-bit words in host order, ports in plain hex. A line of net/unix: "ptr: refs proto flags
// type state inode path".
#include "capture/state/net_text.h"

#include <algorithm>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

#include "capture/state/proc_text.h"

namespace vedette {

namespace {

constexpr size_t kTableMax = 1u << 20;
constexpr uint64_t kListenState = 0x0A;

struct InetTable {
  const char* path;
  int32_t domain, type, protocol;
};
constexpr InetTable kInetTables[] = {
    {"net/tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP},   {"net/tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP},
    {"net/udp", AF_INET, SOCK_DGRAM, IPPROTO_UDP},    {"net/udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
    {"net/raw", AF_INET, SOCK_RAW, IPPROTO_RAW},      {"net/raw6", AF_INET6, SOCK_RAW, IPPROTO_RAW},
};

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return take_until(line, ' ');
}

// Through a struct sockaddr, so that there is one reading of addresses.
SocketName parse_address(std::string_view hex, int32_t domain) {
  const std::string_view address = take_until(hex, ':');
  const uint16_t port = static_cast<uint16_t>(parse_number(hex, 16));
  uint32_t words[4] = {};
  for (size_t i = 0; i < address.size() / 8 && i < 4; ++i) {
    words[i] = static_cast<uint32_t>(parse_number(address.substr(i * 8, 8), 16));
  }
  if (port == 0 && std::all_of(words, words + 4, [](uint32_t word) { return word == 0; })) return {};
  sockaddr_in in4{};
  sockaddr_in6 in6{};
  if (domain == AF_INET) {
    in4.sin_family = AF_INET;
    in4.sin_port = htons(port);
    std::memcpy(&in4.sin_addr, words, sizeof in4.sin_addr);
    return parse_socket_name({reinterpret_cast<const char*>(&in4), sizeof in4});
  }
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, words, sizeof in6.sin6_addr);
  return parse_socket_name({reinterpret_cast<const char*>(&in6), sizeof in6});
}

std::optional<SocketFacts> find_inet(const InetTable& table, std::string_view text, uint64_t ino) {
  take_until(text, '\n');
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    take_word(line);
    const std::string_view local = take_word(line);
    const std::string_view remote = take_word(line);
    const uint64_t state = parse_number(take_word(line), 16);
    for (int i = 0; i < 5; ++i) take_word(line);
    if (parse_number(take_word(line)) != ino) continue;
    return SocketFacts{table.domain,
                       table.type,
                       table.protocol,
                       table.type == SOCK_STREAM && state == kListenState,
                       parse_address(local, table.domain),
                       parse_address(remote, table.domain)};
  }
  return {};
}

std::optional<SocketFacts> find_unix(std::string_view text, uint64_t ino) {
  take_until(text, '\n');
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    for (int i = 0; i < 4; ++i) take_word(line);
    const int32_t type = static_cast<int32_t>(parse_number(take_word(line), 16));
    take_word(line);
    if (parse_number(take_word(line)) != ino) continue;
    SocketFacts facts{.domain = AF_UNIX, .type = type, .local = {}, .remote = {}};
    facts.local.family = AF_UNIX;
    facts.local.path = line;
    return facts;
  }
  return {};
}

}  // namespace

std::optional<SocketFacts> find_socket(Truth& truth, uint32_t pid, uint64_t ino, std::string& scratch) {
  for (const InetTable& table : kInetTables) {
    if (!truth.text(pid, table.path, scratch, kTableMax)) continue;
    if (std::optional<SocketFacts> facts = find_inet(table, scratch, ino)) return facts;
  }
  if (!truth.text(pid, "net/unix", scratch, kTableMax)) return {};
  return find_unix(scratch, ino);
}

}  // namespace vedette
