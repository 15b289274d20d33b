// SPDX-License-Identifier: Apache-2.0
// Where those who watch for strangers (capture/outsiders) take part in a task's life. The tracer calls them
// through this, and knows no more of them. The empty base watches for nobody.
#pragma once

#include "capture/kernel/ptrace.h"
#include "capture/tracer/task.h"

namespace vedette {

class Outsiders {
 public:
  virtual ~Outsiders() = default;
  // A task of ours has made this one.
  virtual void on_birth(Tid /*child*/) {}
  // The tracer's thread holds no report: time to look around.
  virtual void on_tick() {}
  // A call of a task that ptrace stops at every call has returned, and is not to be restarted.
  virtual void on_call_over(Task&, const SyscallInfo& /*at*/) {}
  // The workload's first process has ended: what has not been told yet is.
  virtual void on_root_ended() {}
};

}  // namespace vedette
