// SPDX-License-Identifier: Apache-2.0
#include <cpuid.h>
#include <x86intrin.h>

#include "capture/kernel/ticks.h"

namespace vedette {

uint64_t read_ticks() { return __rdtsc(); }

bool ticks_are_invariant() {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}

}  // namespace vedette
