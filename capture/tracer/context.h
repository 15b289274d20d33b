// SPDX-License-Identifier: Apache-2.0
// What every part of the tracer works with. One tracer thread owns all of it; no locks.
#pragma once

#include <linux/filter.h>

#include <span>
#include <string_view>

#include "capture/decode/limits.h"
#include "capture/kernel/clock.h"
#include "capture/state/state.h"
#include "capture/tracer/defense.h"
#include "capture/tracer/hooks.h"
#include "capture/tracer/outsiders.h"
#include "capture/tracer/prevention.h"
#include "capture/tracer/sealed.h"
#include "capture/tracer/sink.h"
#include "capture/tracer/tasks.h"
#include "capture/witness/io_witness.h"
#include "capture/witness/open_witness.h"

namespace vedette {

class NestedTracing;
class Responses;

enum class IoUring : uint8_t { Refuse, Allow };

struct Context {
  Context(Clock& clock, const Limits& limits, State& state, Hooks& hooks, Sink& sink)
      : clock(clock), limits(limits), state(state), hooks(hooks), sink(sink) {}

  Clock& clock;
  const Limits& limits;
  State& state;
  Hooks& hooks;
  Sink& sink;
  IoUring io_uring = IoUring::Refuse;
  bool can_trace_all = false;  // CAP_SYS_PTRACE: memory stays open to us whatever uid a task takes
  // What is watched ran before us and goes on when we leave (outsiders/attachment.h): it gets no filter and
  // no memory of ours, is never stepped, and every call that the kernel would make is made.
  bool attached = false;
  bool no_new_privs = false;   // we had to set it: setuid programs run without their privilege
  Tid root;                    // the workload's first process
  std::span<const sock_filter> filter;  // what the workload has; strangers get it too
  Prevention* prevention = nullptr;
  SealedMemory* sealed = nullptr;
  NestedTracing* nested = nullptr;  // set by the loop,
  Outsiders* outsiders = nullptr;   // and this
  Responses* responses = nullptr;   // nullptr: nobody can ask for any
  Defense defense;
  Tasks tasks;
  Births births;
  IoWitness* witness = nullptr;  // nullptr: everything is the kernel's word already
  OpenWitness* open_witness = nullptr;  // nullptr: others open files here, too

  // The one way a task goes on. Not when it has left the stop that is being handled (report.h): what it is in
  // now is still to be told. One that is frozen goes on when it is let go (responses.h).
  void resume(Task& task, Resume how, int signal = 0) {
    if (task.tid == moved_on) return;
    if (leaves) return void(ptrace_detach(task.tid, signal));
    if (task.frozen_until_ns != 0) return void(task.stay = Stay{how, signal});
    (void)ptrace_resume(task.tid, how, signal);
  }
  void resume(Task& task) { resume(task, task.onward()); }
  // The same, in the middle of a call or not.
  void go_on(Task& task, int signal = 0) { resume(task, task.is_in_call() ? task.through_call() : task.onward(), signal); }
  // Each call of a stopped task stops from now on, or from when it stands in its own code (nested.h).
  void close(Task& task) {
    if (hooks.on_shown(task)) task.stop_at_each_call();
    else task.is_due = true;
  }
  bool leaves = false;  // whoever stops is let go, for good
  Tid moved_on;  // the task whose report is being handled, if it has left that stop

  // What is recorded of whoever has the memory of `task` is the kernel's word from now on.
  void note_stops(const Task& task, IntegrityReason reason);

  // The one way an event takes out of the tracer.
  void record(const Sighting& sighting);
  // Says so when the witness does not agree with what was recorded.
  void doubt(const std::optional<IoWitness::Mismatch>& mismatch);
  // Tells of what was opened and not recorded, when there is a reason to look; once more when the workload's
  // first process has ended.
  void look_at_opens() {
    if (open_witness != nullptr && open_witness->is_due()) tell_opens(OpenWitness::kPatienceNs);
  }
  void look_at_last_opens();
  // Vedette has something to say of itself, about `tid`.
  void notice(Tid tid, Notice kind, std::string_view call, std::string_view text, int64_t value = 0);
  // A process has come in from outside; `result`: 0, or why its calls cannot be captured.
  void session_start(Tid tid, int64_t result);
  // A process executes a program whose execve nobody saw: the same event, by /proc's word (tier witness).
  void found_program(Tid tid);
  // A process that is not traced has ended; how, is not known.
  void found_end(Tid tid);

 private:
  void tell();
  void tell_opens(uint64_t patience_ns);
  void tell_doubt(const Sighting& sighting);

  Sighting own_;
};

}  // namespace vedette
