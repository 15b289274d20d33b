// SPDX-License-Identifier: Apache-2.0
// How tasks come and go: fork, exec, end. A child's first stop and its parent's event come in either order; both halves
// meet here, and the child runs only when both are in. Each function ends by resuming the task, if there is one left.
#pragma once

#include "capture/tracer/calls.h"

namespace vedette {

class Lives {
 public:
  Lives(Context& context, Calls& calls) : context_(context), calls_(calls) {}

  void on_launch(Tid tid);
  void on_forked(Task& parent, int event);
  void on_first_stop(Task& child, WaitStatus status);
  // A task nobody has named yet.
  void on_stray(Tid tid, WaitStatus status);
  void on_exec(Tid tid);
  void on_exiting(Task& task);
  void on_ended(Tid tid, WaitStatus status);
  // Strays that nobody has named, and nobody is left who might.
  void adopt_strays();

 private:
  void exec_launched(Task& task);
  void inherit(const Task& parent, Task& child);
  void complete_adopted(Task& parent, Task& child, uint64_t flags);
  void emit_birth(const Task& parent, Tid child);
  void hear_witness(const Task& task);
  std::unique_ptr<ArgumentRegisters> take_back_arguments(Task& parent);
  Resume settle_fork(Task& parent, Tid child);
  void emit_exit(Tid tid, WaitStatus status);

  Context& context_;
  Calls& calls_;
};

}  // namespace vedette
