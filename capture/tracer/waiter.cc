// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/waiter.h"

#include <cerrno>

#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr size_t kTakenMax = 256;
constexpr unsigned kUncheckedMax = 8;  // stops of one busy task, at most, before the others are looked for

}  // namespace

// A report that does not belong together is none: there is a newer one to come. Nothing comes between a wait
// and what is gathered of it.
std::optional<Report> Waiter::wait_one(bool block) {
  for (;;) {
    if (block && signals_.ended_by() != 0) return std::nullopt;
    if (block && take_wake()) tick();  // without blocking, reports wait in the queue: first they are handled
    const Result<Waited> news = wait_any(block);
    if (!news && news.error().get() == EINTR) {
      (void)take_wake();
      tick();
      continue;
    }
    if (!news || !news->tid.is_set()) return std::nullopt;
    if (const std::optional<Report> report = gather(news->tid, news->status)) return report;
  }
}

Result<Waited> Waiter::wait_any(bool block) {
  if (!block) return ptrace_wait_any(false);
  const Pulse::Rest rest(pulse_);
  return ptrace_wait_any(true);
}

void Waiter::tick() {
  hooks_.on_tick();
  outsiders_.on_tick();
  if (responses_ != nullptr && is_idle()) responses_->act();
}

std::optional<Report> Waiter::next(bool several) {
  if (!queue_.empty()) return take_queued();
  const std::optional<Report> first = wait_one(true);
  if (!first || !several) return first;
  if (!crowded_ && ++unchecked_ < kUncheckedMax) return first;
  queue_.push_back(*first);
  take_the_rest();
  if (crowded_) return take_queued();
  queue_.clear();  // there is nothing else, and so nothing that it waits for
  return first;
}

std::optional<Report> Waiter::poll() { return queue_.empty() ? wait_one(false) : take_queued(); }

Report Waiter::take_queued() {
  Report report = queue_.front();
  queue_.pop_front();
  report.has_waited = true;
  return report;
}

void Waiter::take_the_rest() {
  unchecked_ = 0;
  while (queue_.size() < kTakenMax) {
    const std::optional<Report> more = wait_one(false);
    if (!more) break;
    queue_.push_back(*more);
  }
  crowded_ = queue_.size() > 1;
}

}  // namespace vedette
