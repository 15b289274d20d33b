// SPDX-License-Identifier: Apache-2.0
// What others want of the addresses that are ours. From the page's the filter lets hot calls pass, so nothing else may lie there while
// calls of the image are left to it; and who could change a ring could take records out of the books.
//
//   a hint                       gets another place, as from the kernel where something lies there
//   a place, if nothing is there  the kernel's own answer: EEXIST over the page, granted elsewhere
//   a place, whatever is there    granted: the program has it, and each of its calls stops from now on
//   what changes ours            refused, and told of (TAMPER)
//
// Valgrind, wine and old linkers need fixed low addresses, and take them before they have threads. With threads the third is refused
// like the fourth: another one could make calls from there before it is stopped.
#include "capture/inline/tier.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr MemoryRange kPagesPlace = {VEDETTE_AGENT_BASE, VEDETTE_AGENT_BASE + VEDETTE_AGENT_BYTES};

bool has_page(const Task& task) { return image_of(*task.space) != nullptr && lowest_mapping(task.tid) == VEDETTE_AGENT_BASE; }

}  // namespace

bool InlineTier::makes_room(Task& task, const SyscallInfo& at) {
  if (task.distrusted) return true;
  for (const MemoryUse& use : memory_uses(at)) {
    if (use.deed == MemoryDeed::Asks && at.arch == kAuditNative) {
      if (use.range.start < VEDETTE_AGENT_LIMIT) decline_hint(task);
    } else if (!grants(task, use)) {
      return false;
    }
  }
  return true;
}

bool InlineTier::grants(Task& task, const MemoryUse& use) {
  const InlineImage* const image = image_of(*task.space);
  const bool is_ours = image != nullptr && image->holds(use.range);
  const bool is_place = overlap(use.range, kPagesPlace);
  if (!is_ours && !is_place) return true;
  const bool is_page = is_place && has_page(task);
  if (use.deed == MemoryDeed::Changes) return !is_ours && !is_page;
  // The kernel refuses, or gives another place to, what does not insist.
  if (use.deed != MemoryDeed::Replaces && (!is_place || is_page)) return true;
  if (task.space.shared() || use.range.end > kRingRegion) return false;
  yield_place(task);
  return true;
}

void InlineTier::decline_hint(Task& task) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  auto own = std::make_unique<ArgumentRegisters>(*registers, false);
  registers->set_argument(0, 0);
  if (ptrace_set_registers(task.tid, *registers)) task.own_arguments = std::move(own);
}

// Nothing of ours is in the image any more, but for stubs that nobody jumps to; calls from its gates would pass, but ptrace stops them.
void InlineTier::yield_place(Task& task) {
  if (InlineImage* const image = image_of(*task.space)) {
    patcher_->revert(task, *image);
    take_ring_off(task);
    drop_slot(task);
    task.space->data.reset();
  }
  inline_part(task).closed = true;
  task.space->sealing_told = true;  // what is told here is all that it need hear
  task.distrust();
  context_->notice(task.tid, Notice::TIER_DEGRADED, "", "the program maps memory where the agent's page lies: each of its calls stops");
}

}  // namespace vedette
