// SPDX-License-Identifier: Apache-2.0
// What a call does with sockets, by its registers alone: what a `network` row is judged by. Two things follow
// from the list, and the answers rest on them: a tree that is held to it gets no new socket, and none of its
// sockets moves to another descriptor. So a descriptor that is no socket when we look does not become one
// before the kernel looks, whatever the tree's other threads do.
//
//   makes or hands over   socket, socketpair, accept, recvmsg (SCM_RIGHTS), pidfd_getfd, a seccomp listener's ADDFD
//   moves                 dup and its like, of a socket
//   sends                 write, writev, pwritev2, send*, sendfile, splice, of a socket; io_submit, whose requests lie in memory
//   might send            setsockopt, ioctl, of a socket (joining a group, a kernel connection's clone)
//
// connect(2) is judged by its address (table.h). Reading, shutdown and close go on.
#pragma once

#include <cstdint>

#include "capture/decode/call.h"

namespace vedette {

enum class SocketUse : uint8_t {
  None,
  Refused,  // whatever it is about
  Makes,    // socket(2): by family, type and protocol
  Uses,     // if descriptor `fd` is a socket
};

struct SocketCall {
  const char* name = "";
  SocketUse use = SocketUse::None;
  uint8_t fd = 0;  // which argument
};

// Number and arguments as the registers have them.
SocketCall socket_call(Abi abi, uint64_t nr, const uint64_t* args);

}  // namespace vedette
