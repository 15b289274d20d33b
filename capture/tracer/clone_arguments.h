// SPDX-License-Identifier: Apache-2.0
// clone3 has its arguments in memory, where another thread can change them after we have looked: with
// CLONE_UNTRACED a child would escape us, with other flags we would take it for what it is not. So the kernel
// reads them from where only we can write:
//
//   struct clone_args -> a slot of the sealed memory (sealed.h), without CLONE_UNTRACED -> the argument registers point there
//
// At the fork's event the kernel has read them: the parent's registers are put back there, the child's before
// its first instruction. What the kernel would not take is answered by the kernel too: the registers then say
// something that it refuses for the same reason.
#pragma once

#include "capture/tracer/context.h"

namespace vedette {

enum class Sealing : uint8_t {
  Done,      // the call may run
  Again,     // the sealed memory was attached in place of the call, which will be made again
  Impossible,
};

// At the stop before a clone3; its flags are the event's from then on.
Sealing seal_clone_arguments(Context& context, Task& task, PendingCall& call);

// The argument registers of a task as the call's maker had them.
void put_back(Tid tid, const ArgumentRegisters& own);

}  // namespace vedette
