// SPDX-License-Identifier: Apache-2.0
// Who has which ring. A thread gets one for itself, with a GS base that finds it; a vfork child goes on in
// its parent's, which is suspended; a ring that no thread has waits in its image for the next one; one that
// no image has waits here.
#pragma once

#include <memory>
#include <vector>

#include "capture/inline/drain.h"
#include "capture/inline/task.h"

namespace vedette {

class InlineRings final : public RingHome {
 public:
  explicit InlineRings(InlineDrain& drain) : drain_(drain) {}
  void bind(Context& context) { context_ = &context; }

  // nullptr: the kernel has no memory for another.
  std::unique_ptr<Ring> borrow(size_t data_bytes);
  // The boot has attached it for this thread.
  void put(Task& task, const Ref<RingSlot>& slot);
  // A free one of its image, in place of what it has. False: it was killed, and ends with the ring that it
  // has.
  bool hand(Task& task, const Ref<RingSlot>& slot);
  // Back among the rings of its image that no thread uses.
  void drop(Task& task);
  // GS base no longer finds a ring. A program may keep something of its own there, by an instruction that
  // nobody sees (wasm2c does): that is not ours to take.
  void take_off(Task& task);

  // A vfork child runs in its parent's place.
  void lend(Task& parent, Task& child);
  // What stands in the ring so far is the former owner's. A vfork child gives it back before it can exec or
  // end, because the kernel lets the parent run on in the middle of either; an exec that fails takes it
  // again.
  void pass(Task& child, Tid owner);
  // The vfork child is done with it. A parent that was killed meanwhile has no use for it.
  void take_back_from(Task& child);

  void take_back(RingSlot& slot) override;

 private:
  InlineDrain& drain_;
  Context* context_ = nullptr;
  std::vector<std::unique_ptr<Ring>> spare_;
};

}  // namespace vedette
