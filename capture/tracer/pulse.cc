// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/pulse.h"

#include <algorithm>

namespace vedette {

bool PulseWatch::is_stuck(uint64_t now_ns) {
  const uint64_t gap_ns = std::min(now_ns - looked_ns_, kLookMaxNs);
  looked_ns_ = now_ns;
  const uint64_t turn = pulse_.turn();
  const bool goes_on = turn != turn_ || !Pulse::is_work(turn);
  turn_ = turn;
  lasted_ns_ = goes_on ? 0 : lasted_ns_ + gap_ns;
  return lasted_ns_ >= kTurnMaxNs;
}

}  // namespace vedette
