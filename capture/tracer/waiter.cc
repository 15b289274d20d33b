// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/waiter.h"

#include <cerrno>

#include "capture/tracer/strangers.h"

namespace vedette {
namespace {

constexpr size_t kTakenMax = 256;
constexpr unsigned kUncheckedMax = 8;  // stops of one busy task, at most, before the others are looked for

}  // namespace

std::optional<Report> Waiter::wait_one(int options) {
  int status = 0;
  pid_t tid;
  while ((tid = ::waitpid(-1, &status, __WALL | options)) < 0 && errno == EINTR) {
    hooks_.on_tick();
    strangers_.on_tick();
  }
  if (tid <= 0) return std::nullopt;
  return Report{Tid(tid), WaitStatus(status)};
}

std::optional<Report> Waiter::next(bool several) {
  if (!queue_.empty()) return take_queued();
  const std::optional<Report> first = wait_one(0);
  if (!first || !several) return first;
  if (!crowded_ && ++unchecked_ < kUncheckedMax) return first;
  queue_.push_back(*first);
  take_the_rest();
  return take_queued();
}

std::optional<Report> Waiter::poll() { return queue_.empty() ? wait_one(WNOHANG) : take_queued(); }

Report Waiter::take_queued() {
  const Report report = queue_.front();
  queue_.pop_front();
  return report;
}

void Waiter::take_the_rest() {
  unchecked_ = 0;
  while (queue_.size() < kTakenMax) {
    const std::optional<Report> more = wait_one(WNOHANG);
    if (!more) break;
    queue_.push_back(*more);
  }
  crowded_ = queue_.size() > 1;
}

}  // namespace vedette
