// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/deadline.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/kernel/one_call.h"

namespace vedette {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
const int kSignal = SIGRTMAX - 2;  // wake.h has the one above

void on_deadline(int, siginfo_t*, void* at) {
  leave_call(static_cast<ucontext_t*>(at)->uc_mcontext);
}

// Of the thread that asks first.
class Timer {
 public:
  Timer() {
    struct sigaction action = {};
    action.sa_sigaction = on_deadline;
    action.sa_flags = SA_SIGINFO | SA_RESTART;  // one that comes too late must disturb nothing
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, kSignal);
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = kSignal;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    is_there_ = ::sigaction(kSignal, &action, nullptr) == 0 && ::pthread_sigmask(SIG_UNBLOCK, &mask, nullptr) == 0 &&
                ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  }
  bool is_there() const { return is_there_; }
  // Again and again, because the first may come just before the call begins. 0: no more.
  void set(uint64_t ns) {
    itimerspec when = {};
    when.it_value = when.it_interval = {static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
    (void)::timer_settime(timer_, 0, &when, nullptr);
  }

 private:
  timer_t timer_{};
  bool is_there_ = false;
};

}  // namespace

Result<long> call_within(uint64_t most_ns, long nr, long a, long b, long c, long d) {
  static Timer timer;
  if (!timer.is_there()) return Errno(EAGAIN);
  timer.set(most_ns);
  const long answer = vedette_call(nr, a, b, c, d);
  timer.set(0);
  if (answer < 0) return Errno(static_cast<int>(-answer));
  return answer;
}

}  // namespace vedette
