// SPDX-License-Identifier: Apache-2.0
// How full the agent is, in bytes, and the word by which the host hears it (docs/wire.md):
//
//   ["fill", spool, spool_max, rings, rings_max]
#pragma once

#include <cstdint>
#include <vector>

#include "capture/agent/pack.h"

namespace vedette {

struct AgentFill {
  uint64_t spool = 0, spool_max = 0;
  uint64_t rings = 0, rings_max = 0;  // the most that waited since the last word; 0 of 0 without the inline tier
};

inline std::vector<uint8_t> fill_frame(const AgentFill& fill) {
  std::vector<uint8_t> bytes;
  Pack pack(bytes);
  pack.array(5);
  pack.text("fill");
  for (const uint64_t number : {fill.spool, fill.spool_max, fill.rings, fill.rings_max}) pack.integer(number);
  return bytes;
}

}  // namespace vedette
