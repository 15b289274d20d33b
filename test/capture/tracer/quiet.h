// SPDX-License-Identifier: Apache-2.0
// For tests that are a tracer: one processor for it and its tracee, so that a step costs no wake-up across; and the signal mask, which
// Signals changes, as it was when the test ends.
#pragma once

#include <sched.h>
#include <signal.h>

namespace vedette {

struct Quiet {
  cpu_set_t processors;
  sigset_t mask;
  Quiet() {
    sched_getaffinity(0, sizeof processors, &processors);
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~Quiet() {
    sched_setaffinity(0, sizeof processors, &processors);
    sigprocmask(SIG_SETMASK, &mask, nullptr);
  }
};

}  // namespace vedette
