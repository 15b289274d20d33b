// SPDX-License-Identifier: Apache-2.0
// Names are Falco's: client->server for a connection, address:port for a socket that only listens, two
// pointers and the path for a Unix socket (pointers are zero: they are the kernel's secret).
#include "capture/state/socket.h"

#include <algorithm>

#include <sys/socket.h>

namespace vedette {

namespace {

constexpr uint16_t kWellKnownEnd = 1024;
constexpr std::string_view kUnixPointers = "0->0";

void append_name(const Descriptor& socket, std::string& name) {
  const Tuple tuple = tuple_of(socket);
  if (socket.remote.known()) {
    append_endpoint(name, tuple.client);
    name += "->";
    append_endpoint(name, tuple.server);
  } else if (socket.local.known()) {
    append_endpoint(name, socket.local);
  }
}

void take_name(Descriptor& socket, const std::string& name, TextPool& names) {
  if (view(socket.name) == name) return;
  socket.name = names.share(name);
  socket.flags |= kNameChanged;
}

void rename(Descriptor& socket, TextPool& names) {
  // An IPv6 socket that talks to an IPv4 address is an IPv4 connection to a rule.
  const Endpoint& shown = socket.remote.known() ? socket.remote : socket.local;
  if (shown.known()) socket.type = shown.size == 4 ? FdType::Ipv4 : FdType::Ipv6;
  std::string name;
  append_name(socket, name);
  if (!name.empty()) take_name(socket, name, names);
  socket.changed();
}

void set_unix_path(Descriptor& socket, const std::string& path, TextPool& names) {
  std::string name(kUnixPointers);
  if (!path.empty()) name += ' ' + path;
  take_name(socket, name, names);
  if (!path.empty()) socket.raw = names.share(path);
  socket.changed();
}

}  // namespace

FdType socket_type_of(int32_t family) {
  switch (family) {
    case AF_INET:
      return FdType::Ipv4;
    case AF_INET6:
      return FdType::Ipv6;
    case AF_UNIX:
      return FdType::Unix;
    case AF_NETLINK:
      return FdType::Netlink;
    default:
      return FdType::Other;
  }
}

namespace {

void describe(Descriptor& socket, const SocketFacts& facts, TextPool& names) {
  socket.is_socket = true;
  socket.family = facts.domain;
  socket.socket_type = facts.type;
  socket.protocol = facts.protocol;
  socket.type = socket_type_of(facts.domain);
  socket.asked_local = true;
  socket.name = {};
  if (facts.listening) {
    socket.flags |= kListening | kServer;
    socket.role_known = true;
  }
  if (facts.domain == AF_UNIX) {
    return set_unix_path(socket, facts.remote.path.empty() ? facts.local.path : facts.remote.path, names);
  }
  socket.local = facts.local.endpoint;
  socket.remote = facts.remote.endpoint;
  if (socket.remote.known()) {
    socket.flags |= kConnected;
    if (socket.local.port < kWellKnownEnd && socket.local.port < socket.remote.port) socket.flags |= kServer;
    socket.role_known = true;
  }
  rename(socket, names);
}

}  // namespace

// It has had that name before.
void describe_socket(Descriptor& socket, const SocketFacts& facts, TextPool& names) {
  describe(socket, facts, names);
  socket.flags &= static_cast<uint8_t>(~kNameChanged);
}

void set_local(Descriptor& socket, const SocketName& local, TextPool& names) {
  if (local.family == AF_UNIX) return set_unix_path(socket, local.path, names);
  if (!local.endpoint.known() || local.endpoint == socket.local) return;
  socket.local = local.endpoint;
  rename(socket, names);
}

void set_remote(Descriptor& socket, const SocketName& remote, TextPool& names) {
  if (remote.family == AF_UNIX) {
    if (!remote.path.empty()) set_unix_path(socket, remote.path, names);
    return;
  }
  if (remote.endpoint == socket.remote) return;
  socket.remote = remote.endpoint;
  rename(socket, names);
}

void settle_role(Descriptor& socket, bool is_server, TextPool& names) {
  if (socket.role_known) return;
  socket.role_known = true;
  if (!is_server) return;
  socket.flags |= kServer;
  rename(socket, names);
}

void become_client(Descriptor& socket, TextPool& names) {
  socket.role_known = true;
  if (!(socket.flags & kServer)) return;
  socket.flags &= static_cast<uint8_t>(~kServer);
  rename(socket, names);
}

Tuple tuple_of(const Descriptor& socket) {
  if (socket.flags & kServer) return {socket.remote, socket.local};
  return {socket.local, socket.remote};
}

}  // namespace vedette
