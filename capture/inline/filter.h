// SPDX-License-Identifier: Apache-2.0
// What the inline tier changes in the filter: a hot number passes when it comes from the gate of its shape;
// and calls that would change the agent's memory (its page, the rings) or take GS stop, so that something can
// be done. Branches stand on the number first and on addresses only in those numbers' leaves: all others stay
// in the kernel's bitmap.
#pragma once

#include <cstdint>
#include <sys/shm.h>

#include <array>
#include <vector>

#include "capture/inline/calls.h"
#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"

namespace vedette {

// Where rings lie in a watched process, but for the first: slots of this region, by thread. Nothing else
// likes to be there (glibc and the kernel map near the stack, sanitizers' shadows and heaps, ZGC and TSan lie
// elsewhere); what does keeps its calls traced.
inline constexpr uint64_t kRingRegion = 0x6a0000000000;
inline constexpr uint64_t kRingSlotBytes = 2u << 20;
inline constexpr uint32_t kRingSlotsMax = 16384;
// Whether a ring may lie there, and so nothing of the program's.
constexpr bool is_ring_place(uint64_t address) {
  return address == VEDETTE_FIRST_RING || address - kRingRegion < uint64_t{kRingSlotsMax} * kRingSlotBytes;
}

// Known to us alone, for as long as we run: it stands in two argument registers while a new image boots, and
// makes the filter let calls of the boot's pass.
using BootSecret = std::array<uint64_t, 2>;
inline constexpr uint8_t kSecretArgument = 3;  // and the next; shmat and mprotect have three
BootSecret make_boot_secret();

// shmat's flags for the page: to be executed, and in place of whatever may be there after all.
inline constexpr uint64_t kPageAttach = SHM_RDONLY | SHM_EXEC | SHM_REMAP;

// `page`: the segment of the agent's page.
void add_inline_rules(std::vector<FilterRule>& rules, Integrity integrity, int page, const BootSecret& secret);

// The agent's page, or a place where rings lie.
bool is_in_agent(uint64_t address);

// Would this call, of either convention, attach a segment of the agent's, or change its rights?
bool names_agent(const SyscallInfo& info);

}  // namespace vedette
