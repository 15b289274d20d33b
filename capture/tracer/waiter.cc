// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/waiter.h"

#include <cerrno>

namespace vedette {
namespace {

constexpr size_t kTakenMax = 256;

std::optional<Report> wait_one(int options) {
  int status = 0;
  pid_t tid;
  do {
    tid = ::waitpid(-1, &status, __WALL | options);
  } while (tid < 0 && errno == EINTR);
  if (tid <= 0) return std::nullopt;
  return Report{Tid(tid), WaitStatus(status)};
}

}  // namespace

std::optional<Report> Waiter::next(bool several) {
  if (queue_.empty()) {
    std::optional<Report> first = wait_one(0);
    if (!first || !several) return first;
    queue_.push_back(*first);
    while (queue_.size() < kTakenMax) {
      const std::optional<Report> more = wait_one(WNOHANG);
      if (!more) break;
      queue_.push_back(*more);
    }
  }
  const Report report = queue_.front();
  queue_.pop_front();
  return report;
}

}  // namespace vedette
