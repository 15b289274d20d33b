// SPDX-License-Identifier: Apache-2.0
// Where another tier takes part in a task's life. Each hook is called while the task is stopped, so it may
// read and write its registers and memory; none may resume it. The empty base is the trace tier alone.
#pragma once

#include <vector>

#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"
#include "capture/tracer/fill.h"
#include "capture/tracer/task.h"
#include "events.h"

namespace vedette {

class Calls;
struct Context;

class Hooks {
 public:
  virtual ~Hooks() = default;
  // What it wants of the filter, beside the rules of the capture set.
  virtual void add_rules(std::vector<FilterRule>&) const {}
  // How full its rings are; nullptr: it has none.
  virtual RingFill* ring_fill() { return nullptr; }
  // Whether these stop whatever would change the agent's range of addresses.
  virtual bool guards_range() const { return false; }
  // Whether a call from here is one that the tier records itself.
  virtual bool is_in_stub(uint64_t /*ip*/) const { return false; }
  // Before the first stop of all.
  virtual void on_begin(Context&, Calls&) {}
  // A task has stopped: whatever it, and whoever has its descriptors, did before that must be on record now.
  virtual void on_any_stop(Tid /*tid*/) {}
  // The wait for the next stop was interrupted (ticker.h).
  virtual void on_tick() {}
  // A task is about to have a child; the child has not run.
  virtual void on_forked(Task& /*parent*/, Task& /*child*/, uint64_t /*clone_flags*/) {}
  // A new task, before its first instruction: its registers are a copy of its parent's, GS base too. False:
  // there was nothing to ask or to set, and so nothing that could have come too late.
  virtual bool on_start(Task&) { return false; }
  // A new image, before its first instruction; task.space is fresh. The task is still inside execve, whose
  // return writes the result register: registers may be set, but no call can be injected yet.
  virtual void on_exec(Task&) {}
  // The same image at execve's return: the next instruction is the image's first, and calls can be injected.
  virtual void on_image(Task&) {}
  // Before a call that the filter stopped runs. `at` holds ip, sp and arguments. False: it will be recorded
  // as traced. True: it was none of the program's, or has been answered; the task goes on as its registers
  // say.
  virtual bool on_called(Task&, const SyscallInfo& /*at*/) { return false; }
  // It is about to be let into a call that nobody objects to. True: its return will not stop, and the tier
  // records it; the task goes on as its registers say.
  virtual bool on_entering(Task&, const PendingCall&) { return false; }
  // A traced call has returned and is recorded.
  virtual void on_returned(Task&) {}
  // mmap, mprotect or shmat has made memory executable.
  virtual void on_map_executable(Task&, const Call&) {}
  // A System V segment has been made, or found.
  virtual void on_segment() {}
  // From now on it may execute whatever it maps to be read.
  virtual void on_reading_executes(Task&) {}
  // A signal is about to be delivered: the ip the program will see may be ours. False: so is the signal; it
  // is dropped.
  virtual bool on_signal(Task&, int /*signal*/) { return true; }
  // Another task traces this one from now on, or it traces others, or a response has tightened it: its image
  // is to be the program's own. It may be running.
  virtual void on_debugged(Task&) {}
  // Its debugger is about to look at it, or each of its calls will stop: it must stand in its own code.
  // False: it does not yet.
  virtual bool on_shown(Task&) { return true; }
  // It is about to end; memory is still there.
  virtual void on_exiting(Task&) {}
  // What it recorded does not agree with what the kernel counted, or cannot be confirmed. It may be running.
  virtual void on_doubted(Tid /*tid*/, IntegrityReason /*reason*/) {}
  // It is gone. Also for threads that an exec took with it.
  virtual void on_end(Task&) {}
};

}  // namespace vedette
