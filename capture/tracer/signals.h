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
#include "capture/tracer/sink.h"

namespace vedette {

class Signals {
 public:
  // Blocks every signal in the calling thread; call it before any other thread is made.
  Signals();
  uint64_t original_mask() const { return original_mask_; }

  // From the tracer's thread, which is woken when there is something for it to do.
  void start(Tid root, Sink& sink);
  // The same, where the workload is not ours and gets no signals of ours (outsiders/attachment.h): those that
  // would end us do, but for those that we were started to ignore (nohup).
  void start_alone(Sink& sink);
  // The signal that ends us, which came when only descendants of the workload's first process were left: they
  // end with us. Alone, it is the first that comes. 0: none has come.
  int ended_by() const { return ended_by_; }

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
  void end_by(int signal);
  void halt_if_due();

  uint64_t original_mask_ = 0;
  uint64_t ignored_ = 0;
  Tid root_;
  Sink* sink_ = nullptr;
  pthread_t thread_{};
  pthread_t tracer_{};
  std::atomic<int> ended_by_ = 0;

  std::mutex mutex_;  // all below
  std::array<Delivery, NSIG> delivered_{};   // last delivery to the root, by signal
  std::array<siginfo_t, NSIG> forwarded_{};  // as it reached us; si_signo 0: none
  bool root_halted_ = false;
  uint64_t halt_wanted_ns_ = 0;
  bool root_ended_ = false;
};

}  // namespace vedette
