// SPDX-License-Identifier: Apache-2.0
// What the agent's container uses of what it may, and the word by which the host hears it (docs/wire.md):
//
//   ["usage", {"cpu_user_us": 1200, "memory": 4096}, [[port, waiting, most], ...]]
//
// A number that the kernel does not tell here is left out.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/agent/pack.h"

namespace vedette {

struct Amount {
  std::string_view name;  // of a table of ours
  uint64_t value = 0;
};

// A socket that listens: connections that wait to be accepted, and how many may.
struct Listener {
  uint16_t port = 0;
  uint32_t waiting = 0, most = 0;
};

struct Usage {
  std::vector<Amount> amounts;
  std::vector<Listener> listeners;
};

inline std::vector<uint8_t> usage_frame(const Usage& usage) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(3);
  pack.text("usage");
  pack.map(static_cast<uint32_t>(usage.amounts.size()));
  for (const Amount& amount : usage.amounts) pack.text(amount.name), pack.integer(amount.value);
  pack.array(static_cast<uint32_t>(usage.listeners.size()));
  for (const Listener& listener : usage.listeners) {
    pack.array(3);
    for (const uint32_t number : {uint32_t{listener.port}, listener.waiting, listener.most}) pack.integer(number);
  }
  return bytes;
}

}  // namespace vedette
