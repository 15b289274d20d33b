// SPDX-License-Identifier: Apache-2.0
// Read aloud: wait for a report; a task that ended is buried, one that exec'd may have a new number, one that nobody has
// named waits for its parent; every other stop is one line of the switch in on_stop.
#include "capture/tracer/loop.h"

#include "capture/tracer/interruption.h"

namespace vedette {
namespace {

constexpr unsigned kDoubtedMax = 256;  // reports of others, at most, before strays in doubt are adopted

}  // namespace

Loop::Loop(Context& context, Signals& signals, Strangers& strangers)
    : context_(context), signals_(signals), strangers_(strangers), waiter_(context.hooks, strangers), calls_(context),
      lives_(context, calls_) {}

WaitStatus Loop::run(const Launched& launched, bool root_only) {
  context_.hooks.on_begin(context_, calls_);
  lives_.on_launch(launched.tid);
  while (const std::optional<Report> report = next()) {
    if (report->tid == launched.tid && report->status.is_over()) strangers_.on_root_ended();
    dispatch(report->tid, report->status);
    if (report->tid == launched.tid && report->status.is_over()) {
      root_status_ = report->status;
      signals_.on_root_ended();
      if (root_only) break;
    }
    strangers_.on_tick();
  }
  // From here on, no task is attached.
  return root_status_;
}

// Blocks, but not while somebody waits for us: a child whose parent has ended before it could name it. When all tasks have
// ended, only what the kernel has in hand already can still be one of ours.
std::optional<Report> Loop::next() {
  while (context_.tasks.has_doubtful_strays()) {
    std::optional<Report> report = waiter_.poll();
    if (report && ++doubted_ < kDoubtedMax) return report;
    doubted_ = 0;
    lives_.adopt_strays();
    if (report) return report;
  }
  if (!context_.tasks.has_own()) return waiter_.poll();
  return waiter_.next(context_.tasks.size() > 1);
}

void Loop::dispatch(Tid tid, WaitStatus status) {
  context_.hooks.on_any_stop();
  const Stop stop = name_stop(status);
  if (stop == Stop::Ended) return lives_.on_ended(tid, status);
  if (stop == Stop::Execed) return lives_.on_exec(tid);
  Task* task = context_.tasks.find(tid);
  if (task == nullptr) return lives_.on_stray(tid, status);
  on_stop(*task, status);
}

void Loop::on_stop(Task& task, WaitStatus status) {
  switch (name_stop(status)) {
    case Stop::Called: return calls_.on_called(task);
    case Stop::Returned: return calls_.on_returned(task);
    case Stop::Forked: return lives_.on_forked(task, status.event());
    case Stop::Exiting: return lives_.on_exiting(task);
    case Stop::Attached:
    case Stop::Halted: return on_halted_or_attached(task, status);
    case Stop::Signalled: return on_signalled(task, status.stop_signal());
    case Stop::Ended:
    case Stop::Execed: return;  // dispatch has dealt with them
  }
}

// Stopped with its group, a task stays so until SIGCONT; LISTEN lets that through to it without our resuming it, and the
// kernel then tells of it by one more stop of this kind, without the stop signal.
void Loop::on_halted_or_attached(Task& task, WaitStatus status) {
  if (task.phase == Phase::Starting) return lives_.on_first_stop(task, status);
  if (!status.is_group_stop()) return resume(task);
  (void)ptrace_resume(task.tid, Resume::Listen);
  if (task.tid == context_.root) signals_.on_root_halted();
}

void Loop::on_signalled(Task& task, int signal) {
  if (task.phase == Phase::Stepping && signal == SIGTRAP && on_step_trap(task)) return;
  if (!context_.hooks.on_signal(task, signal)) return resume(task);
  if (task.tid == context_.root) signals_.on_root_signalled(signal);
  if (task.phase == Phase::Interrupted || task.phase == Phase::Stepping) return step_into_handler(task, signal);
  resume(task, signal);
}

// False: the program's own SIGTRAP, to be delivered like any signal.
bool Loop::on_step_trap(Task& task) {
  const StepTrap trap = name_step_trap(task);
  if (trap == StepTrap::Foreign) return false;
  if (trap == StepTrap::AtHandler) {
    on_handler_reached(calls_, task);
  } else {
    task.phase = Phase::Running;
    resume(task);
  }
  return true;
}

void Loop::resume(Task& task, int signal) {
  const bool in_call = task.phase == Phase::InCall || task.call != nullptr;
  (void)ptrace_resume(task.tid, in_call ? Resume::ToReturn : task.onward(), signal);
}

}  // namespace vedette
