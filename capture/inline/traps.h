// SPDX-License-Identifier: Apache-2.0
// What is done about hot calls that trap, so that the next one does not. A site is patched after it has
// trapped twice: what a program does once is cheaper trapped. What other processes have trapped at is patched
// at once, and the dynamic linker before it runs: all of its twenty hot sites where its boot does that, of
// which a short-lived program needs six. In a program with threads all hot sites of the file go together,
// because patching is dearer there and a site not seen yet will be.
#pragma once

#include "capture/inline/boot.h"

namespace vedette {

class InlineTraps {
 public:
  InlineTraps(InlineCode& code, InlineRings& rings, InlineBoot& boot, InlinePace& pace) : code_(code), rings_(rings), boot_(boot), pace_(pace) {}

  // A hot call has trapped: what it needs is noted. `is_left`: its stub leaves such calls to the site,
  // whatever room there is.
  void on_trap(Task& task, const SyscallInfo& at, bool is_left);
  // It has returned: it gets what it needs.
  void grant(Task& task);

 private:
  void on_full(InlineTask& mine, bool was_asked);
  void count(Task& task, const SyscallInfo& at, MappedFile& file, size_t site);
  Ref<RingSlot> wanted_ring(InlineTask& mine, InlineImage& image);

  InlineCode& code_;
  InlineRings& rings_;
  InlineBoot& boot_;
  InlinePace& pace_;
};

}  // namespace vedette
