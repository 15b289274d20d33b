// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/rings.h"

#include <utility>

namespace vedette {
namespace {

constexpr size_t kSpareMax = 64;

}  // namespace

std::unique_ptr<Ring> InlineRings::borrow(size_t data_bytes) {
  for (std::unique_ptr<Ring>& ring : spare_) {
    // Somebody may still have it attached: a process on its way out, or one that wants to write into
    // another's ring.
    if (ring->data_bytes() != data_bytes || ring->is_shared()) continue;
    std::unique_ptr<Ring> found = std::move(ring);
    std::swap(ring, spare_.back());
    spare_.pop_back();
    found->reset();
    return found;
  }
  return Ring::create(data_bytes);
}

void InlineRings::put(Task& task, const Ref<RingSlot>& slot) {
  slot->attach(task.process, task.tid);
  inline_part(task).slot = slot;
  if (inline_part(task).shares_folder) slot->ring().withhold_folders();
  drain_.add(*slot);
}

bool InlineRings::hand(Task& task, const Ref<RingSlot>& slot) {
  InlineTask& mine = inline_part(task);
  if (!ptrace_set_thread_context(task.tid, slot->context_base())) return false;
  drop(task);
  slot->assign(task.tid);
  drain_.renew(*slot);
  if (mine.closed) slot->ring().withhold_opens();
  if (mine.shares_folder) slot->ring().withhold_folders();
  mine.slot = slot;
  return true;
}

void InlineRings::drop(Task& task) {
  InlineTask& mine = inline_part(task);
  if (mine.slot == nullptr) return;
  if (mine.borrowed) return take_back_from(task);
  drain_.one(*mine.slot);
  drain_.end_handed(*mine.slot);
  mine.slot->retire();
  mine.slot = nullptr;
}

void InlineRings::take_off(Task& task) {
  const Result<uint64_t> context_base = ptrace_thread_context(task.tid);
  if (context_base && is_ring_place(*context_base + VEDETTE_AGENT_BASE)) (void)ptrace_set_thread_context(task.tid, 0);
}

void InlineRings::lend(Task& parent, Task& child) {
  InlineTask& mine = inline_part(child);
  mine.slot = inline_part(parent).slot;
  mine.borrowed = true;
  mine.lender = parent.tid;
  pass(child, child.tid);
  mine.slot->lend(child.tid);
}

void InlineRings::pass(Task& child, Tid owner) {
  InlineTask& mine = inline_part(child);
  if (Task* const lender = context_->tasks.find(mine.lender)) inline_part(*lender).stands_at = InlineTask::kMoves;
  drain_.one(*mine.slot);
  mine.slot->pass_to(owner);
}

void InlineRings::take_back_from(Task& child) {
  InlineTask& mine = inline_part(child);
  Task* const lender = context_->tasks.find(mine.lender);
  if (mine.slot->owner() == child.tid) pass(child, lender == nullptr ? Tid() : mine.lender);
  mine.slot->give_back(lender != nullptr && inline_part(*lender).borrowed);
  mine.slot = nullptr;
  mine.borrowed = false;
}

void InlineRings::take_back(RingSlot& slot) {
  drain_.remove(slot);
  std::unique_ptr<Ring> ring = slot.give_up_ring();
  if (ring->data_bytes() > Ring::kSmall) ring->give_back_all();
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(ring));
}

}  // namespace vedette
