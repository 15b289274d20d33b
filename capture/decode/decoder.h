// SPDX-License-Identifier: Apache-2.0
// Turns a call into an event in two steps, the same on both sides of the call: at entry what the program
// passes in (paths, buffers it writes, addresses, argv), at return what the kernel hands back (buffers it
// read, addresses, new descriptors). No /proc, no ptrace: a Call and a Memory are all there is.
#pragma once

#include "capture/decode/call.h"
#include "capture/decode/event.h"
#include "capture/decode/limits.h"
#include "capture/decode/memory.h"

namespace vedette {

// False: the call is not of interest (no row, or a row whose condition does not hold); the event is then
// untouched.
bool decode_enter(const Call& call, Memory& memory, const Limits& limits, Event& event);

// `call` has its result now. The event must come from decode_enter of the same call.
void decode_exit(const Call& call, Memory& memory, const Limits& limits, Event& event);

}  // namespace vedette
