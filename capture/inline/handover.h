// SPDX-License-Identifier: Apache-2.0
// One stop, not two, for the call by which a dynamic linker maps a library's code: mmap of a file, private,
// executable, not writable, at a fixed place. It stops at its entry like every guarded call, and all that
// judges it does so there. Then the tracer writes into the thread's ring what the stub would have written,
// and has the thread come out of the kernel behind a gate of ours:
//
//   stop at the site   arguments, time and "in flight" into the ring; ip = behind the plain gate
//   the kernel         makes the call, with the program's own arguments
//   the stub           records the result, and goes on behind the site
//
// From there on the thread is one that has made an inline call: signals, its death and a restart find it as
// any other (rescue.h). The result is the program's word, so it is held against what the kernel can have
// said: the place that was asked for, or an error. An error is believed when the kernel shows no code there.
// The record must be the thread's next, and must come before its next stop.
#pragma once

#include "capture/inline/code.h"
#include "capture/inline/ring_slot.h"
#include "capture/inline/task.h"
#include "capture/tracer/context.h"

namespace vedette {

class InlineHandover {
 public:
  explicit InlineHandover(InlineCode& code) : code_(code) {}
  // The task stands at the entry of a call that will be made. True: its thread records the return.
  bool hand(Task& task, const PendingCall& call);

 private:
  InlineCode& code_;
};

// The record of a call that was handed to its thread has come: what the image is now. False: the result is
// not what the kernel said, and `call` has that instead.
bool take_result(Context& context, const HandedCall& handed, Call& call);

}  // namespace vedette
