// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inline_ticker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vedette {
namespace {

int tick_signal() { return SIGRTMAX - 1; }

void on_tick(int) {}  // its coming is all there is to it

}  // namespace

void InlineTicker::start() {
  if (started_) return;
  struct sigaction action = {};
  action.sa_handler = on_tick;
  if (::sigaction(tick_signal(), &action, nullptr) != 0) return;  // without SA_RESTART: the wait must end
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = tick_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  started_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, tick_signal());
  (void)::pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
}

void InlineTicker::set_interval_us(uint32_t interval_us) {
  if (!started_ || interval_us == interval_us_) return;
  interval_us_ = interval_us;
  itimerspec when = {};
  when.it_interval = {interval_us / 1'000'000, static_cast<long>(interval_us % 1'000'000) * 1000};
  when.it_value = when.it_interval;
  (void)::timer_settime(timer_, 0, &when, nullptr);
}

InlineTicker::~InlineTicker() {
  if (started_) (void)::timer_delete(timer_);
}

}  // namespace vedette
