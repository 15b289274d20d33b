// SPDX-License-Identifier: Apache-2.0
// Takes a thread out of the agent's code, as if it had never been there, before a signal is delivered to it
// or it ends. No handler, unwinder or core dump ever meets an address of ours; nothing of ours is ever
// interrupted half way.
//
//   before the gate    back to the site's own, intact syscall, which traps
//   at the gate, -512  out to behind the site's syscall, like a traced call that a signal interrupts: the kernel restarts it
//                      there, or makes it EINTR (interruption.h)
//   behind the gate    the call is finished for the stub: reported from registers and live memory, and on behind the site
#pragma once

#include "capture/inline/drain.h"
#include "capture/inline/task.h"
#include "capture/tracer/calls.h"

namespace vedette {

class InlineRescue {
 public:
  enum class Place : uint8_t {
    Elsewhere,  // not in our code
    Before,     // it was on its way to the gate
    Peeking,    // the same, and was reading the program's memory
    Behind,     // it had made its call
    Boot,       // it is taking in segments
    Stuck,      // in an instruction that was moved, and waits for memory that the program serves itself
  };

  InlineRescue(InlineDrain& drain) : drain_(drain) {}
  void bind(Context& context, Calls& calls) {
    context_ = &context;
    calls_ = &calls;
  }

  // Whether code of ours stands there, in this task.
  static bool is_ours(const Task& task, uint64_t ip);
  // Where the thread was; it no longer is, unless Elsewhere, Boot or Stuck. `skipped`: the call was not made
  // at all (SIGSYS).
  Place take_out(Task& task, Registers& registers, bool skipped);
  // About to end: a finished call is reported, one that is not is told of as in flight.
  void conclude(Task& task);
  void tell_in_flight(RingSlot& slot);

 private:
  Place from_page(Task& task, Registers& registers, bool skipped);
  Place from_stub(Task& task, Registers& registers);
  void finish(Task& task, RingSlot& slot, Registers& registers, int64_t result, bool recorded_arguments);
  void set_aside_call(Task& task, RingSlot& slot, const Registers& registers);
  Call call_from(const RingSlot& slot, const Registers& registers, int64_t result) const;

  InlineDrain& drain_;
  Context* context_ = nullptr;
  Calls* calls_ = nullptr;
};

}  // namespace vedette
