// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/response_desk.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr size_t kRequestsMax = 256;
constexpr size_t kAnswersMax = 1024;

}  // namespace

void ResponseDesk::serve() {
  const std::lock_guard lock(mutex_);
  tracer_ = static_cast<int>(::syscall(SYS_gettid));
}

void ResponseDesk::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  tracer_ = 0;
  for (const ResponseRequest& request : requests_) put({.id = request.id, .asker = request.asker, .status = ResponseStatus::Gone, .why = "the workload has ended"});
  requests_.clear();
  has_requests_ = false;
}

void ResponseDesk::ask(ResponseRequest request) {
  const std::lock_guard lock(mutex_);
  request.asker = asker_;
  ResponseAnswer refusal{.id = request.id, .asker = asker_, .status = ResponseStatus::Refused};
  if (!is_open_) {
    refusal.why = "this agent was started without --respond";
  } else if (is_closed_) {
    refusal.status = ResponseStatus::Gone;
    refusal.why = "the workload has ended";
  } else if (requests_.size() >= kRequestsMax) {
    refusal.status = ResponseStatus::Failed;
    refusal.why = "too many requests wait";
  } else {
    requests_.push_back(std::move(request));
    has_requests_.store(true, std::memory_order_release);
    if (tracer_ != 0) (void)::syscall(SYS_tgkill, ::getpid(), tracer_, wake_signal());
    return;
  }
  put(std::move(refusal));
}

std::vector<ResponseAnswer> ResponseDesk::take_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void ResponseDesk::greet() {
  const std::lock_guard lock(mutex_);
  ++asker_;
  answers_.clear();
  requests_.clear();
  has_requests_ = false;
}

std::vector<ResponseRequest> ResponseDesk::take_requests() {
  const std::lock_guard lock(mutex_);
  has_requests_ = false;
  return std::exchange(requests_, {});
}

void ResponseDesk::answer(ResponseAnswer answer) {
  const std::lock_guard lock(mutex_);
  put(std::move(answer));
}

void ResponseDesk::put(ResponseAnswer answer) {
  if (answer.asker != asker_) return;
  if (answers_.size() >= kAnswersMax) answers_.erase(answers_.begin());
  answers_.push_back(std::move(answer));
}

}  // namespace vedette
