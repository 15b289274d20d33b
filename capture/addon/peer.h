// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a socket, as the kernel says it.
#pragma once

#include <sys/types.h>

#include <string>

namespace vedette::addon {

struct Peer {
  pid_t pid = 0;  // 0: not known (TCP, or another pid namespace)
  uid_t uid = static_cast<uid_t>(-1);
  std::string text;  // for messages

  bool is_same(const Peer& other) const { return pid == other.pid && uid == other.uid; }
};

}  // namespace vedette::addon
