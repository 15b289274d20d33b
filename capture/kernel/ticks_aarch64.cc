// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/ticks.h"

namespace vedette {

uint64_t read_ticks() {
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
}

bool ticks_are_invariant() { return true; }  // the generic timer is architectural

}  // namespace vedette
