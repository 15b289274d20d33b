// SPDX-License-Identifier: Apache-2.0
// What the inline tier knows of a thread.
#pragma once

#include "capture/inline/image.h"
#include "capture/kernel/arch.h"
#include "capture/tracer/task.h"

namespace vedette {

struct InlineTask final : TaskData {
  // Where the thread's way into the page stands.
  enum class Boot : uint8_t {
    None,
    Starting,   // a new image runs its first steps and the boot
    Borrowing,  // the same, but the first steps stand where its code begins: it will stop at the boot's end to have it back
    Attaching,  // a running program was sent to the boot and will stop at its end
  };

  Ref<RingSlot> slot;        // whose GS base the thread has
  bool borrowed = false;     // the slot is a suspended vfork parent's,
  Tid lender;                // this one's
  bool closed = false;       // a filter of the program's own, or another IPC namespace: no calls of ours any more
  bool shares_folder = false;   // other threads have its working directory, too, or other processes
  Boot boot = Boot::None;
  bool doubted = false;      // the kernel counted something else than it recorded
  unsigned traps = 0;        // hot calls that trapped while it had no ring
  uint64_t moves_from_ns = 0;
  unsigned moves = 0;        // calls since then that set the working directory and stopped

  uint64_t context_base = 0;      // its GS base, as it was when it entered that call
  uint64_t stands_at = kMoves;    // what stood in its ring when it entered the call that is under way
  static constexpr uint64_t kMoves = ~0ull;

  // While booting.
  uint64_t entry = 0;             // where the new image begins
  uint64_t steps_at = 0;          // where its first steps lie
  std::array<uint8_t, AgentPage::kFirstStepsBytes> borrowed_code{};  // what stood there
  Ref<RingSlot> coming_slot;
  uint64_t near_start = 0;        // the file whose stubs are being attached, by its address; 0: none
  NearSegment* coming_near = nullptr;
  bool brings_hooks = false;      // which are before its TLS functions
  Registers saved;                // Attaching: to be put back, with the mask
  uint64_t saved_mask = 0;

  // A fault there: the page could not be attached.
  bool is_in_first_steps(uint64_t ip) const {
    return (boot == Boot::Starting || boot == Boot::Borrowing) && ip - steps_at < AgentPage::kFirstStepsBytes;
  }

  // Wishes of the call that is under way, granted when it has returned.
  uint64_t wanted_site = 0;       // address behind its syscall
  bool wants_ring = false;
  uint64_t wanted_hooks = 0;      // address in a file with TLS functions that was mapped
  bool wants_program_hooks = false;  // the program itself has some
};

inline InlineTask& inline_part(Task& task) {
  if (!task.data) task.data = std::make_unique<InlineTask>();
  return static_cast<InlineTask&>(*task.data);
}

// Its next call stops, and from then on all of its program's do.
inline void doubt(InlineTask& mine) {
  mine.doubted = true;
  if (mine.slot != nullptr) mine.slot->ring().starve();
}

}  // namespace vedette
