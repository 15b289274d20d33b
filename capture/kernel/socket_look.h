// SPDX-License-Identifier: Apache-2.0
// Looks at a socket of another process: by a descriptor of our own for the same socket (pidfd_getfd, Linux
// 5.6), which is closed again at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/kernel/tid.h"

namespace vedette {

// Whether a descriptor of a task is a socket. One that we may not look at counts as one; one that is not open
// does not.
bool may_be_socket(Tid task, int fd);

struct TcpSocket {
  bool is_fresh = false;  // neither connected, nor connecting, nor listening
  std::string peer = {};  // the bytes of its address; empty: it has none
};
// Nothing: it is no TCP socket, or we may not look. `process`: the task's.
std::optional<TcpSocket> look_at_tcp(Tid process, Tid task, int fd);

}  // namespace vedette
