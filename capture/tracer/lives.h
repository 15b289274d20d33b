// SPDX-License-Identifier: Apache-2.0
// How tasks come and go: fork, exec, end. A child's first stop and its parent's event come in either order;
// both halves meet here, and the child runs only when both are in (births.h). Each function ends by resuming
// the task, if there is one left.
#pragma once

#include "capture/tracer/calls.h"

namespace vedette {

class Lives {
 public:
  Lives(Context& context, Calls& calls) : context_(context), calls_(calls) {}

  void on_launch(Tid tid);
  void on_forked(Task& parent, const Report& report);
  void on_first_stop(Task& child, const Report& report);
  // A task nobody has named yet.
  void on_stray(const Report& report) { context_.births.hear_of(report); }
  void on_exec(const Report& report);
  void on_exiting(Task& task, const Report& report);
  void on_ended(const Report& report);
  // Those whose maker was killed before it could tell of them.
  void adopt_orphans();
  // The agent ends: whoever is left is out of its hands. One by one, for what stands in a ring is told with
  // the help of the table.
  void bury_all();

 private:
  void bear(Task& parent, const Birth& birth, Tid child, std::optional<Report> heard, int event);
  void adopt(const Report& orphan);
  static bool may_be_succeeded(const Task& task);
  void bear_at_exit(Task& parent);
  void exec_launched(Task& task);
  void inherit(const Task& parent, Task& child);
  void take_back_arguments(Task& parent);
  void emit_birth(const Birth& birth, Tid child);
  void hear_witness(const Task& task);
  void settle_fork(Task& parent, Tid child);
  void emit_exit(Tid tid, WaitStatus status);
  void bury(std::unique_ptr<Task> task);

  Context& context_;
  Calls& calls_;
};

}  // namespace vedette
