// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/name_moves.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>

#include "capture/inline/calls.h"
#include "capture/kernel/clock.h"
#include "capture/wire/ring.h"

namespace vedette {

void InlineNameMoves::bind(Context& context) {
  context_ = &context;
  struct statfs facts;
  has_proc_ = ::statfs("/proc", &facts) == 0 && facts.f_type == PROC_SUPER_MAGIC;
}

void InlineNameMoves::on_stopped() {
  const uint64_t now = monotonic_ns();
  if (now_ == Now::Still && now - counted_from_ns_ > kMomentNs) restart_count(now);
  ++stopped_;
  if (!context_->state.names_may_move()) return settle(now);
  if (now_ != Now::Moving && stopped_ >= kSome && has_proc_) begin();
}

void InlineNameMoves::look() {
  const uint64_t now = monotonic_ns();
  if (now_ == Now::Moving) {
    if (!context_->state.names_may_move()) return settle(now);
    if (now - counted_from_ns_ < kWhileNs) return;
    const uint64_t changes = stopped_ + drain_.changes() - recorded_before_;
    restart_count(now);
    if (changes < kSome) settle(now);
  } else if (now_ == Now::Settling && is_settled(now - settling_ns_)) {
    drain_.all();
    say(0);
    context_->state.let_names_move(false);
    now_ = Now::Still;
    restart_count(now);
  }
}

// What has been opened so far was asked of by its name alone: the caller reads that next.
void InlineNameMoves::begin() {
  context_->state.let_names_move(true);
  say(VEDETTE_NAMES_ASKED | VEDETTE_NAMES_INLINE);
  now_ = Now::Moving;
  restart_count(monotonic_ns());
}

// A thread may have looked before this, and be slow: until its change is over, opens go on asking. One that
// is not under way yet (it stands between its look and its call) is given as long as that.
void InlineNameMoves::settle(uint64_t now) {
  if (now_ != Now::Moving) return;
  say(VEDETTE_NAMES_ASKED);
  now_ = Now::Settling;
  settling_ns_ = now;
}

// A call may be under way for ever, by its program's word; so nobody waits for one that takes seconds.
bool InlineNameMoves::is_settled(uint64_t ns) const { return ns >= kSettleNs && (ns >= kSettleMaxNs || !is_any_under_way()); }

bool InlineNameMoves::is_any_under_way() const {
  return std::any_of(drain_.slots().begin(), drain_.slots().end(), [](const RingSlot* slot) {
    RingRecord record;
    return !slot->is_free() && slot->ring().in_flight(record) && waits_for_names(record.nr);
  });
}

void InlineNameMoves::restart_count(uint64_t now) {
  counted_from_ns_ = now;
  stopped_ = 0;
  recorded_before_ = drain_.changes();
}

void InlineNameMoves::say(uint32_t what) {
  std::atomic_ref<uint32_t>(*reinterpret_cast<uint32_t*>(page_ + (VEDETTE_NAMES - VEDETTE_AGENT_BASE))).store(what, std::memory_order_seq_cst);
}

}  // namespace vedette
