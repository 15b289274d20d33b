// SPDX-License-Identifier: Apache-2.0
// Where another tier takes part in a task's life. Each hook is called while the task is stopped, so it may read and write
// its registers and memory, or make it issue calls (inject.h); none may resume it. The empty base is the trace tier alone.
#pragma once

#include "capture/kernel/ptrace.h"
#include "capture/tracer/task.h"

namespace vedette {

class Hooks {
 public:
  virtual ~Hooks() = default;
  // A new task, before its first instruction: its registers are a copy of its parent's, GS base too.
  virtual void on_start(Task&) {}
  // A new image, before its first instruction; task.space is fresh. The task is still inside execve, whose return writes
  // the result register: registers may be set, but no call can be injected yet.
  virtual void on_exec(Task&) {}
  // The same image at execve's return: the next instruction is the image's first, and calls can be injected.
  virtual void on_image(Task&) {}
  // Before a call of the capture set runs. `at` holds ip, sp and arguments. The call will be recorded as traced.
  virtual void on_called(Task&, const SyscallInfo& /*at*/) {}
  // mmap or mprotect has made memory executable.
  virtual void on_map_executable(Task&, const Call&) {}
  // A signal is about to be delivered: the ip the program will see may be ours.
  virtual void on_signal(Task&, int /*signal*/) {}
  // It is about to end; memory is still there.
  virtual void on_exiting(Task&) {}
  // It is gone. Also for threads that an exec took with it.
  virtual void on_end(Task&) {}
};

}  // namespace vedette
