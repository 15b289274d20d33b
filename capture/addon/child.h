// SPDX-License-Identifier: Apache-2.0
// The agent's process: a thread waits for its end and says how it ended. Signals are sent only while it is
// known to live, so that they never reach a stranger who got its number.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <thread>

#include "capture/addon/outbox.h"

namespace vedette::addon {

class Child {
 public:
  Child(pid_t pid, uint32_t stream, Outbox& outbox);
  ~Child();  // stops waiting; the process itself is left alone
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool signal(int number);
  pid_t pid() const { return pid_; }

 private:
  void run();
  bool wait_for_end();  // false: told to stop
  bool reap();

  const pid_t pid_;
  const uint32_t stream_;
  Outbox& outbox_;
  int pidfd_;  // -1 before Linux 5.3, or where it is forbidden
  int stop_;   // an eventfd
  std::mutex living_;
  bool gone_ = false;
  int status_ = 0;
  std::thread thread_;
};

}  // namespace vedette::addon
