// SPDX-License-Identifier: Apache-2.0
// Sockets of TCP that listen in our network namespace, as the kernel tells them (sock_diag(7)): how many
// connections wait at each to be accepted, and how many may.
#pragma once

#include <cstddef>
#include <vector>

#include "capture/agent/usage.h"
#include "capture/kernel/fd.h"

namespace vedette {

class Listeners {
 public:
  Listeners();
  // At most so many. None: the kernel does not say.
  std::vector<Listener> read(size_t max) const;

 private:
  Fd socket_;
};

}  // namespace vedette
