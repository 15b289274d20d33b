// SPDX-License-Identifier: Apache-2.0
// Sees that somebody made a task in our pid namespace whom the tracer does not know. The kernel tells nobody
// without privileges (the process connector needs CAP_NET_ADMIN in the machine's own namespaces, fanotify
// CAP_SYS_ADMIN, inotify sees no process come), but it gives numbers to tasks in order, and the last one
// given stands in /proc/loadavg: one read of 1.6 us says whether there is one more than those we know of.
// Three things make the tracer look:
//
//   a gap         a child of ours has a number that is not the next one: somebody took those between. Costs nothing.
//   two files     that a container runtime's Go code opens within the first milliseconds of its life in a container, and
//                 workloads hardly ever do: inotify wakes us at once, when there are 30 to 60 ms left until its exec
//   a poll        for whoever comes without either
//
// A thread of its own does the last two, so that the tracer is woken for news only.
#pragma once

#include <pthread.h>

#include <atomic>
#include <utility>
#include <vector>

#include "capture/kernel/fd.h"
#include "capture/kernel/tid.h"

namespace vedette {

class Lookout {
 public:
  // From the tracer's thread, after the workload was launched. From here on numbers count.
  void start();

  // A task of ours has made this one.
  void on_birth(Tid child) {
    if (watching_) note(child.get());
  }
  // Whether it is time to look; asked after every report, so it is cheap.
  bool is_due() const { return due_.load(std::memory_order_relaxed); }

  struct Numbers {
    pid_t first, last;  // empty when last < first
    bool all;           // too many, or they began anew: look at everything there is
  };
  // Given since the last look, ours among them (is_ours).
  Numbers take();
  bool is_ours(pid_t number) const;
  // Numbers that have turned out to be ours only after the look that met them; asked for, they are forgotten.
  std::vector<pid_t> take_late() { return std::exchange(late_, {}); }
  // Somebody is being waited for: look this often, whether or not there are new numbers. 0: for news only.
  void look_every(uint64_t ns) { every_ns_.store(ns, std::memory_order_relaxed); }

 private:
  static void* thread_main(void* self);
  void run();
  bool is_known(pid_t number) const;
  void watch_files();
  void rest(uint64_t ns);
  void note(pid_t number);

  bool watching_ = false;
  std::vector<pid_t> ours_;  // beyond known_
  std::vector<pid_t> late_;
  pid_t tracer_ = 0;
  Fd cursor_;  // /proc/loadavg
  Fd files_;   // inotify
  pthread_t thread_{};
  std::atomic<pid_t> known_{0};  // every number up to here is accounted for
  std::atomic<bool> due_{false};
  std::atomic<uint64_t> every_ns_{0};
};

}  // namespace vedette
