// SPDX-License-Identifier: Apache-2.0
// Debuggers among the tasks that we trace: gdb, strace, a leak checker. A task can have one tracer, and that
// is us; so we do for a debugger what the kernel would:
//
//   ptrace    its requests are carried out by us, on a task that we hold, and answered in its registers and memory (nested_requests.cc)
//   stops     a stop of a debugged task that its debugger may see is kept: the task stays in the kernel's own stop until the
//             debugger lets it go on. So whatever it asks of the stop, the kernel answers. Our own stops it does not see
//   wait      its wait4 and waitid are answered by us when there is a stop to tell of; else the kernel runs them (nested_waits.cc)
//   SIGCHLD   is sent by us, and dressed as the kernel's when it is delivered
//
// Both leave the inline tier: the debugged program must see its own code, and each call of a debugger stops,
// because its waits must. What is recorded stays the same.
#pragma once

#include <signal.h>

#include <optional>
#include <unordered_map>
#include <vector>

#include "capture/tracer/context.h"

namespace vedette {

class Calls;

class NestedTracing {
 public:
  NestedTracing(Context& context, Calls& calls) : context_(context), calls_(calls) {}

  // A ptrace call before it runs. Nothing: the kernel shall answer it.
  std::optional<int64_t> answer(Task& caller, const PendingCall& call);
  // True: it was a debugger's wait4 or waitid (or what stands for one), and has been resumed.
  bool on_wait(Task& task, const SyscallInfo& at);
  // Its return; the task's registers say what it will find. The caller resumes it.
  void on_wait_returned(Task& task, int64_t result);

  // Stops. True: the task stays stopped for its debugger; false: it is to go on.
  bool on_signal(Task& task, WaitStatus status);
  bool on_trap(Task& task, WaitStatus status);
  bool on_step(Task& task, WaitStatus status);
  bool on_call_entered(Task& task);
  // A filter of the task's own asks for its debugger.
  bool on_filtered(Task& task);
  // A call that its debugger has seen before it runs will be made once more.
  void on_put_off(Task& task);
  bool on_call_returned(Task& task);
  bool on_event(Task& task, int event);
  bool on_first_stop(Task& child, WaitStatus status);
  void on_own_call(Task& task);

  void on_forked(Task& parent, Task& child, int event, uint64_t clone_flags);
  bool on_exiting(Task& task);
  void on_ended(Task& task, WaitStatus status);
  // A signal that we have sent in the kernel's name gets the kernel's words.
  void dress(Task& task, int signal);

 private:
  // A stop of a debugged task, or its end, that its debugger has still to be told of.
  struct News {
    Tid tid, debugger, process;
    pid_t group;  // the debugged one's
    int status;
    bool is_end;
  };

  // nested.cc
  void take(Task& task, Tid debugger, Tid process, bool seized, uint64_t options);
  void make_debugger(Tid process, const Task* caller);
  bool hold(Task& task, Held held, int status);
  bool hold_end(Task& task);
  void tell(const News& news, int code, int status);
  void tell_end(const Task& task, WaitStatus status);
  void forget_stop(Tid tid);
  void leave_alone(const Task& debugger);
  void interrupt(Task& task);
  void let_go(Task& task, Held held, int signal, bool is_emulated);
  void detach(Task& task, int signal);

  // nested_requests.cc
  int64_t trace_me(Task& task);
  std::optional<int64_t> attach(Task& debugger, Tid target, bool seize, uint64_t address, uint64_t options);
  int64_t request(Task& debugger, Task& target, long what, uint64_t address, uint64_t data);
  int64_t resume(Task& target, Resume how, uint64_t signal);
  int64_t copy_out(Task& debugger, Task& target, long what, uint64_t address, uint64_t data, size_t size);
  int64_t copy_in(Task& debugger, Task& target, long what, uint64_t address, uint64_t data, size_t size);
  int64_t register_set(Task& debugger, Task& target, long what, uint64_t type, uint64_t data);
  int64_t peek_signals(Task& debugger, Task& target, uint64_t arguments, uint64_t data);
  int64_t sized(Task& debugger, Task& target, long what, uint64_t size, uint64_t data);
  // nested_requests_ARCH.cc
  int64_t processor_request(Task& debugger, Task& target, long what, uint64_t address, uint64_t data);
  int64_t thread_base(Task& debugger, Task& target, uint64_t address, uint64_t which);
  bool is_held(const Task& target, Held held) const { return target.debugged->held == held; }

  // nested_waits.cc
  std::optional<int64_t> news(Task& debugger, const DebuggerWait& wait);
  bool waits_for(const Task& debugger, const DebuggerWait& wait, Tid about, Tid by, pid_t group) const;
  bool has_any(const Task& debugger, const DebuggerWait& wait) const;
  int64_t write_news(Task& debugger, const DebuggerWait& wait, const News& news);

  Context& context_;
  Calls& calls_;
  std::vector<News> news_;  // oldest first; of a task one stop at most
  std::unordered_map<Tid, siginfo_t> sigchld_;   // by debugger's process: what its SIGCHLD is to say
  std::unordered_map<Tid, std::array<uint64_t, 6>> in_vain_;  // waits that the kernel has answered by ECHILD, to be slept in
};

}  // namespace vedette
