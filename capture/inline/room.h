// SPDX-License-Identifier: Apache-2.0
// What others want of the addresses that are ours. From the page's the filter lets hot calls pass, so nothing
// else may lie there while calls of the image are left to it; and who could change a ring could take records
// out of the books.
//
//   a hint                       gets another place, as from the kernel where something lies there
//   a place, if nothing is there  the kernel's own answer: EEXIST over the page, granted elsewhere
//   a place, whatever is there    granted: the program has it, and each of its calls stops from now on
//   what changes ours            refused, and told of (TAMPER)
//
// Valgrind, wine and old linkers need fixed low addresses, and take them before they have threads. With
// threads the third is refused like the fourth: another one could make calls from there before it is stopped.
#pragma once

#include "capture/inline/code.h"
#include "capture/inline/rings.h"

namespace vedette {

class InlineRoom {
 public:
  InlineRoom(InlineCode& code, InlineRings& rings) : code_(code), rings_(rings) {}
  void bind(Context& context) { context_ = &context; }

  // Before a call: room is made for what it may have. False: it is to be refused.
  bool makes_room(Task& task, const SyscallInfo& at);
  // Whether it would write into the agent's memory, or take a segment of the agent's.
  static bool is_attack(Task& task, const SyscallInfo& at);

 private:
  bool grants(Task& task, const MemoryUse& use);
  void decline_hint(Task& task);
  void yield_place(Task& task);

  InlineCode& code_;
  InlineRings& rings_;
  Context* context_ = nullptr;
};

}  // namespace vedette
