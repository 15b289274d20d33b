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
constexpr long kCallNs = 500'000;

}  // namespace

ResponseDesk::~ResponseDesk() {
  if (has_timer_) (void)::timer_delete(timer_);
}

void ResponseDesk::serve() {
  const std::lock_guard lock(mutex_);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = wake_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  has_timer_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  call_tracer(!requests_.empty());
}

// Again and again: a wake that comes just before the wait is lost, and nothing else may end that wait.
void ResponseDesk::call_tracer(bool is_wanted) {
  if (!has_timer_) return;
  itimerspec when = {};
  if (is_wanted) when = {.it_interval = {0, kCallNs}, .it_value = {0, 1}};
  (void)::timer_settime(timer_, 0, &when, nullptr);
}

void ResponseDesk::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  call_tracer(false);
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
  } else if (obstacle_ && !request.rows.empty() && !(refusal.why = obstacle_(request.rows)).empty()) {
    refusal.status = ResponseStatus::Failed;
  } else if (requests_.size() >= kRequestsMax) {
    refusal.status = ResponseStatus::Failed;
    refusal.why = "too many requests wait";
  } else {
    requests_.push_back(std::move(request));
    has_requests_.store(true, std::memory_order_release);
    call_tracer(true);
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
  call_tracer(false);
}

std::vector<ResponseRequest> ResponseDesk::take_requests() {
  const std::lock_guard lock(mutex_);
  has_requests_ = false;
  call_tracer(false);
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
