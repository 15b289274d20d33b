// SPDX-License-Identifier: Apache-2.0
// A kernel of a few tasks, for the tracer's model test. It exists for tests: it stands in for
// capture/kernel/ptrace.cc, so the real loop, lives, calls and births run on it unchanged. Tasks run scripts
// (fork, thread, exec, kill, end); between any two of their steps the kernel may let any other task go on,
// and may hand out any report that is there. Which, is a choice, and choices are numbers in a list: a test
// that counts through all lists has seen every order (choices.h).
//
// What it keeps of Linux, and where that stands:
//   a call of the filter stops at its entry; a fork, vfork or clone that works stops once more (kernel/fork.c, kernel_clone)
//   a child is there before its maker's event, and comes to its first stop when it likes
//   SIGKILL takes a task out of its stop, whose report is then gone if nobody took it (kernel/signal.c, ptrace_stop)
//   a task that is killed skips its fork event, but stops once before it ends (PTRACE_EVENT_EXIT)
//   an exec ends the other threads, waits until they were waited for, and takes the leader's number (fs/exec.c, de_thread)
//   a leader is waited for last
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "capture/kernel/ptrace.h"

namespace vedette {

class Choices;

struct Op;
using Script = std::vector<Op>;
struct Op {
  enum Kind : uint8_t { Fork, Vfork, Thread, Exec, Exit, ExitGroup, KillParent, KillChildren } kind;
  Script child = {};  // what the made task does; empty: it ends
};

struct FakeTask {
  enum class At : uint8_t { Born, User, Called, InCall, Made, Told, WaitsForChild, WaitsForThreads, Executed, Returned, Exiting, Dead };

  int tid = 0, process = 0, parent = 0;
  Script script = {};
  size_t next = 0;
  At at = At::Born;
  Op op = {Op::Exit};     // that is under way
  bool stopped = false;   // in a stop, whose report may have been taken
  bool told = false;      // it was taken
  int status = 0;         // of the stop or the end
  unsigned long message = 0;
  int64_t result = 0;
  bool killed = false;
  bool to_return = false;  // it stops at its call's return, too
  int child = 0;           // made by the call that is under way
  uint64_t gs = 0;
  int lender = 0;          // it runs in this one's place (vfork)
  uint64_t sp = 0;
};

class FakeKernel {
 public:
  // `preemptions`: how often others may go on while the tracer is between two requests.
  FakeKernel(Choices& choices, Script root, int preemptions);
  ~FakeKernel();

  static constexpr int kRoot = 5'000'001;  // above every number that Linux gives

  std::map<int, FakeTask> tasks;
  std::vector<std::string> wrongs;  // what must not be
  struct Made {
    int maker, child;
    bool is_process;
    bool ran = false;  // an instruction of its own
  };
  std::vector<Made> made;

  // The interface of capture/kernel/ptrace.h.
  Result<Waited> wait_any(bool block);
  bool has_news(int tid);
  FakeTask* stopped_task(int tid);
  Result<void> resume(int tid, Resume how);
  // Others go on while the tracer is at work: between two of its requests by one step, since a request takes
  // less time than two.
  void preempt();
  SyscallInfo call_of(const FakeTask& task) const;
  siginfo_t siginfo_of(const FakeTask& task) const;
  Registers registers_of(const FakeTask& task) const;

 private:
  bool can_step(const FakeTask& task) const;
  std::vector<int> steppable() const;
  void step(FakeTask& task);
  void run(FakeTask& task);
  void call(FakeTask& task);
  void make(FakeTask& task);
  void execute(FakeTask& task);
  void stop(FakeTask& task, int code, unsigned long message = 0);
  void kill_task(FakeTask& task);
  void kill_process(int process);
  bool has_other_threads(const FakeTask& task) const;
  bool is_waitable(const FakeTask& task) const;
  bool has_child_left(const FakeTask& task) const;

  Choices& choices_;
  int preemptions_;
  int newest_ = kRoot;
};

}  // namespace vedette
