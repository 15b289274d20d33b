// SPDX-License-Identifier: Apache-2.0
// Where the host listens. Only loopback TCP: what a workload does must not cross a network unencrypted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "capture/kernel/fd.h"
#include "capture/kernel/result.h"

namespace vedette {

struct HostAddress {
  enum class Kind : unsigned char { Discard, Inherited, Unix, Abstract, Tcp };
  Kind kind = Kind::Discard;
  std::string text = "discard";  // as the user gave it
  std::string path;              // Unix, Abstract
  int number = 0;                // Inherited: the descriptor, Tcp: the port

  bool can_reconnect() const { return kind == Kind::Unix || kind == Kind::Abstract || kind == Kind::Tcp; }
};

std::optional<HostAddress> parse_host_address(std::string_view text);

// An inherited descriptor becomes close-on-exec, so that the workload does not get it.
Result<Fd> connect_to(const HostAddress& address);

}  // namespace vedette
