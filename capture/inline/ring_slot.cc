// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/ring_slot.h"

#include <algorithm>

#include "capture/kernel/invariant.h"

namespace vedette {

RingSlot::RingSlot(RingHome& home, std::unique_ptr<Ring> ring, uint64_t address) : home_(home), ring_(std::move(ring)), address_(address) {
  if (ring_ != nullptr) ring_->lie_at(address);
}

void RingSlot::attach(Tid process, Tid thread) {
  invariant(!is_attached() && is_free(), "a ring is attached once", attacher_.get(), owner_.get());
  attacher_ = process;
  owner_ = thread;
}

void RingSlot::assign(Tid thread) {
  invariant(is_attached() && is_free(), "a ring has one owner", thread.get(), owner_.get());
  invariant(!is_handed(), "what was handed to a thread is told of before its ring is another's", thread.get(), owner_.get());
  ring_->reset();
  asked_ = false;
  growth_ = Growth::Fits;
  slow_looks_ = 0;
  full_ = 0;
  last_tsc_ = 0;
  put_off_at_ = kNever;
  looked_at_ = 0;
  owner_ = thread;
}

void RingSlot::lend(Tid borrower) {
  lent_ = true;
  owner_ = borrower;
  ring_->feed();
}

void RingSlot::retire() {
  owner_ = Tid();
  ring_->starve();
}

uint64_t RingSlot::take_time(uint64_t tsc, uint64_t now_tsc) {
  return last_tsc_ = std::clamp(tsc, last_tsc_, std::max(last_tsc_, now_tsc));
}

void RingSlot::count_full() {
  if (++full_ >= kFullBeforeLarger && ring_->data_bytes() < Ring::kLarge && growth_ == Growth::Fits) growth_ = Growth::Outgrown;
}

void RingSlot::grow() {
  if (growth_ != Growth::Fits || is_free() || lent_ || ring_->data_bytes() >= Ring::kLarge) return;
  growth_ = Growth::Outgrown;
  ring_->starve();
}

bool RingSlot::take_growth() {
  if (growth_ != Growth::Outgrown) return false;
  growth_ = Growth::Tried;
  ring_->feed();
  return true;
}

void RingSlot::count_slow_look() {
  if (++slow_looks_ < kSlowLooks) return;
  ring_->narrow();
  asked_ = false;  // it has room again,
  if (growth_ == Growth::Outgrown) growth_ = Growth::Fits;  // and no need of more
}

void RingSlot::ask() {
  asked_ = true;
  ring_->starve();
}

bool RingSlot::take_answer() {
  const bool was_asked = std::exchange(asked_, false);
  if (was_asked) ring_->unstarve();
  return was_asked;
}

}  // namespace vedette
