// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/wake.h"

#include <pthread.h>
#include <signal.h>

namespace vedette {
namespace {

volatile sig_atomic_t has_come = 0;

void on_wake(int) { has_come = 1; }

}  // namespace

bool take_wake() {
  if (has_come == 0) return false;
  has_come = 0;
  return true;
}

int wake_signal() { return SIGRTMAX - 1; }

bool accept_wakes() {
  struct sigaction action = {};
  action.sa_handler = on_wake;
  if (::sigaction(wake_signal(), &action, nullptr) != 0) return false;  // without SA_RESTART: the wait must end
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, wake_signal());
  return ::pthread_sigmask(SIG_UNBLOCK, &mask, nullptr) == 0;
}

}  // namespace vedette
