// SPDX-License-Identifier: Apache-2.0
// The agent stands where the workload's process would: what is sent to it is meant for the workload. A thread
// of its own takes the agent's signals (all are blocked, no disposition is touched, so the workload inherits
// the original ones) and passes each on to the workload's first process, unless that has had it already:
//
//   kill AGENT            to us alone: passed on, with the sender's pid and uid (the tracer puts them back at delivery)
//   kill -- -GROUP, ^C    to the whole process group: the workload has its own copy, a second one would be a second ^C
//   ^Z, tty reads         the workload stops by its own copy; once it has, we stop too, so that a shell sees its job stopped
//
// "Has had it already" is asked of the kernel: pending in the workload, or just delivered to it with the same
// sender. The kernel signals a group newest member first, so the workload's copy is always there before ours.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "capture/kernel/tid.h"

namespace vedette {

class Signals {
 public:
  // Blocks every signal in the calling thread; call it before any other thread is made.
  Signals();
  uint64_t original_mask() const { return original_mask_; }

  using AfterRoot = void (*)(void* context, int signal);
  // `after_root` is called for a signal that would end us, once the workload's first process is gone.
  void start(Tid root, AfterRoot after_root, void* context);

  // From the tracer's thread.
  void on_root_signalled(int signal);
  void on_root_halted();
  void on_root_ended();

 private:
  struct Delivery {
    uint64_t at_ns = 0;
    pid_t sender = 0;
    int code = 0;
  };

  static void* thread_main(void* self);
  void on_signal(const siginfo_t& info);
  bool root_has_it(const siginfo_t& info);
  bool was_delivered(const siginfo_t& info);
  void forward(const siginfo_t& info);
  void halt_if_due();

  uint64_t original_mask_ = 0;
  Tid root_;
  AfterRoot after_root_ = nullptr;
  void* context_ = nullptr;
  pthread_t thread_{};

  std::mutex mutex_;  // all below
  std::array<Delivery, NSIG> delivered_{};   // last delivery to the root, by signal
  std::array<siginfo_t, NSIG> forwarded_{};  // as it reached us; si_signo 0: none
  bool root_halted_ = false;
  uint64_t halt_wanted_ns_ = 0;
  bool root_ended_ = false;
};

}  // namespace vedette
