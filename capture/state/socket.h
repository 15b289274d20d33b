// SPDX-License-Identifier: Apache-2.0
// What a socket's descriptor says: type, addresses, which side is the client, and the name made of them.
#pragma once

#include "capture/state/descriptor.h"
#include "capture/state/text.h"
#include "capture/state/truth.h"

namespace vedette {

FdType socket_type_of(int32_t family);

// By the kernel's word. Roles are then a guess: a connected socket is the client, unless its own port is the
// lower one of the two, below 1024.
void describe_socket(Descriptor& socket, const SocketFacts& facts, TextPool& names);

// A new address, by which the name changes.
void set_local(Descriptor& socket, const SocketName& local, TextPool& names);
void set_remote(Descriptor& socket, const SocketName& remote, TextPool& names);
// Whether the other side spoke first; settled once.
void settle_role(Descriptor& socket, bool is_server, TextPool& names);
// By connecting, whatever it was bound to.
void become_client(Descriptor& socket, TextPool& names);

// Client's and server's ends, by the role.
struct Tuple {
  const Endpoint& client;
  const Endpoint& server;
};
Tuple tuple_of(const Descriptor& socket);

}  // namespace vedette
