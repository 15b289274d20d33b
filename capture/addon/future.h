// SPDX-License-Identifier: Apache-2.0
// Times of the future. Agent and host read the same machine's clock, so no honest time lies ahead of ours.
// One that does would make state that policies keep by time (tables, windows) last until then, for every
// container: it is set back to the bound. The past is left alone: a batch may have waited in an agent's spool
// for hours.
#pragma once

#include <cstdint>
#include <span>

#include "capture/addon/envelope.h"

namespace vedette::addon {

// Clocks are read at different moments, and the wall clock may be set between two of them.
inline constexpr uint64_t kFutureMaxNs = 5'000'000'000;

// Sets back what lies further ahead than the bound, in a frame that was checked; gives how many times that
// were. `now_ns`: since the epoch.
uint64_t bound_times(std::span<uint8_t> frame, const Envelope& envelope, uint64_t now_ns);

}  // namespace vedette::addon
