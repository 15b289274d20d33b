// SPDX-License-Identifier: Apache-2.0
// What the registers of a thread mean to our code: to the boot, to the stubs, and to a program that begins.
// Nothing of the inline tier outside of this folder names a register (docs/inline.md, "Another processor").
#pragma once

#include <cstdint>

#include "capture/inline/filter.h"
#include "capture/inline/ring.h"
#include "capture/kernel/arch.h"

namespace vedette {

// What a boot attaches beside the page: a ring and the stubs of a file. Those that are not there are left
// out.
struct BootSegments {
  static constexpr uint64_t kNone = ~0ull;
  uint64_t ring = kNone;
  uint64_t ring_address = 0;
  uint64_t ring_bytes = 0;
  uint64_t stubs = kNone;
  uint64_t stubs_address = 0;
};

// What the first steps of a new image attach: the page, by the one call that knows the secret.
struct PageAttach {
  uint64_t page;
  uint64_t address;
  uint64_t flags;
  const BootSecret& secret;
  uint64_t patches;  // where the list of patches stands that the boot makes; 0: there is none
  uint64_t entry;    // where the boot begins the program; 0: it stops there for us
};

// A new image goes on at `steps`, and from there into the boot.
void enter_first_steps(Registers& registers, uint64_t steps, const PageAttach& page, const BootSegments& segments);
// A running program goes on in the boot, which stops for us at its end.
void enter_boot(Registers& registers, uint64_t boot, const BootSegments& segments);
// As an exec leaves them: the program begins at `entry`.
void begin_image(Registers& registers, uint64_t entry);
// Where the stubs find the thread's ring.
void set_ring_context(Registers& registers, uint64_t context);
// The kernel is not to restart a call that it thinks interrupted.
void forget_call(Registers& registers);

// Where a stopped task goes on: that alone, which costs less than all of its registers.
Result<uint64_t> ip_of(Tid tid);

// The address by which a stub knows the site that it was entered from (StubPhase).
uint64_t link_of(const Registers& registers);
// Those that a stub has spoiled before its call is made.
void restore_spoiled(Registers& registers, const RingRecord& record);
// On behind the instruction that reads the clock, which says 0.
void skip_clock(Registers& registers);
// The program has itself stopped after each of its instructions.
bool steps_itself(const Registers& registers);

// The calls by which a program takes for itself what leads our stubs to the ring. They stop.
std::vector<FilterRule> ring_context_rules();

}  // namespace vedette
