// SPDX-License-Identifier: Apache-2.0
// The tracer: waits for a task to stop, and does what that stop calls for. Runs in the thread that launched
// the workload, because the kernel takes ptrace requests from no other.
#pragma once

#include "capture/tracer/calls.h"
#include "capture/tracer/lives.h"
#include "capture/tracer/nested.h"
#include "capture/tracer/pulse.h"
#include "capture/tracer/signals.h"
#include "capture/tracer/stop.h"
#include "capture/tracer/waiter.h"

namespace vedette {

class Loop {
 public:
  Loop(Context& context, Signals& signals, Outsiders& outsiders, Pulse& pulse);

  // Until the last task of the tree has ended, strangers or not; with `root_only`, until the workload's first
  // process has. How that ended.
  // Of one that we have attached: until all that is watched has ended, or a signal ends us. How it ended; 0
  // where it goes on.
  WaitStatus run(Tid root, bool root_only);
  // The signal by which those ended who were left behind; 0: there was none.
  int ended_by() const { return ended_by_; }

 private:
  std::optional<Report> next();
  void dispatch(const Report& report);
  bool is_over(const Task& task, const Report& report) const;
  void on_stop(Task& task, const Report& report);
  void on_halted_or_attached(Task& task, const Report& report);
  void on_signalled(Task& task, const Report& report);
  bool on_step_trap(Task& task, const Report& report);
  void tell_shortage();
  void end_rest();
  void leave();

  Context& context_;
  Signals& signals_;
  Outsiders& outsiders_;
  Pulse& pulse_;
  Waiter waiter_;
  Calls calls_;
  NestedTracing nested_;
  Lives lives_;
  WaitStatus root_status_;
  bool goes_on_ = false;  // the workload's first process, without us
  int ended_by_ = 0;
  bool is_short_ = false;  // of descriptors, once
};

}  // namespace vedette
