// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/ticker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/tracer/wake.h"

namespace vedette {

void Ticker::start() {
  if (started_ || !accept_wakes()) return;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = wake_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  started_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
}

void Ticker::set_interval_us(uint32_t interval_us) {
  if (!started_ || interval_us == interval_us_) return;
  interval_us_ = interval_us;
  itimerspec when = {};
  when.it_interval = {interval_us / 1'000'000, static_cast<long>(interval_us % 1'000'000) * 1000};
  when.it_value = when.it_interval;
  (void)::timer_settime(timer_, 0, &when, nullptr);
}

Ticker::~Ticker() {
  if (started_) (void)::timer_delete(timer_);
}

}  // namespace vedette
