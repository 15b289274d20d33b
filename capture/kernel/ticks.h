// SPDX-License-Identifier: Apache-2.0
// The processor's counter that costs no call to read: the TSC, or what stands for it (clock.h).
#pragma once

#include <cstdint>

namespace vedette {

uint64_t read_ticks();
// Whether it counts time, whatever the processor's speed, also while the processor sleeps.
bool ticks_are_invariant();

}  // namespace vedette
