// SPDX-License-Identifier: Apache-2.0
// Read aloud: wait for a report; a task that ended is buried, one that exec'd may have a new number, one that
// nobody has named waits for its parent; every other stop is one line of the switch in on_stop.
#include "capture/tracer/loop.h"

#include <signal.h>
#include <time.h>

#include <unordered_set>
#include <utility>

#include "capture/kernel/clock.h"
#include "capture/kernel/proc.h"
#include "capture/tracer/interruption.h"

namespace vedette {
namespace {

constexpr uint64_t kEndNsMax = 1'000'000'000;  // a task that the kernel holds in a call does not end when it is killed
constexpr timespec kEndPause{0, 200'000};

}  // namespace


Loop::Loop(Context& context, Signals& signals, Outsiders& outsiders, Pulse& pulse)
    : context_(context), signals_(signals), outsiders_(outsiders), pulse_(pulse), waiter_(context.hooks, outsiders, pulse, context.responses, signals),
      calls_(context), nested_(context, calls_), lives_(context, calls_) {
  context_.nested = &nested_;
  context_.outsiders = &outsiders_;
}

WaitStatus Loop::run(Tid root, bool root_only) {
  pulse_.work();
  context_.hooks.on_begin(context_, calls_);
  if (!context_.attached) lives_.on_launch(root);
  while (const std::optional<Report> report = next()) {
    const bool is_roots_end = report->tid == root && report->status.is_over();
    if (is_roots_end) outsiders_.on_root_ended();
    dispatch(*report);
    lives_.adopt_orphans();
    if (is_roots_end) {
      root_status_ = report->status;
      signals_.on_root_ended();
      if (root_only) break;
    }
    outsiders_.on_tick();
    if (context_.responses != nullptr && waiter_.is_idle()) context_.responses->act();
    tell_shortage();
  }
  if (context_.attached) leave();
  else if (!root_only && context_.tasks.has_own()) ended_by_ = signals_.ended_by();
  if (root_only || ended_by_ != 0) end_rest();
  lives_.bury_all();
  if (goes_on_) context_.sink.on_root_end(root_status_);
  if (context_.responses != nullptr) context_.responses->end();
  pulse_.rest();
  return root_status_;
}

// As the kernel ends whatever is left with its process 1, or with who traces it. What they have done is still
// told: it may stand in their rings. A child may come into the table while they end.
void Loop::end_rest() {
  context_.sink.hurry();
  std::unordered_set<pid_t> killed;
  const auto kill_each = [&killed](const Task& task) {
    if (!task.stranger && killed.insert(task.process.get()).second) (void)::kill(task.process.get(), SIGKILL);
  };
  const uint64_t until = monotonic_ns() + kEndNsMax;
  context_.tasks.each(kill_each);
  while (context_.tasks.has_own() && monotonic_ns() < until) {
    if (const std::optional<Report> report = waiter_.poll()) {
      dispatch(*report);
      lives_.adopt_orphans();
      context_.tasks.each(kill_each);
    } else {
      ::nanosleep(&kEndPause, nullptr);
    }
  }
}

// Who has stopped is let go by us, so that a signal that we were told of gets there. The kernel lets go of
// all others when this thread ends: no wait of theirs is ended by that, as it would be if we stopped them.
void Loop::leave() {
  context_.leaves = true;
  while (const std::optional<Report> report = waiter_.poll()) {
    if (report->tid == context_.root && report->status.is_over()) root_status_ = report->status;
    dispatch(*report);
    lives_.adopt_orphans();
  }
  goes_on_ = context_.tasks.find(context_.root) != nullptr;
}

// Once: what is missing from then on is not told again and again.
void Loop::tell_shortage() {
  if (is_short_ || descriptor_shortages() == 0) return;
  is_short_ = true;
  context_.notice(context_.root, Notice::FILES_SHORT, "", "the agent has no file descriptor left but one in reserve");
}

// Blocks; but when all tasks have ended, only what the kernel has in hand already can still be one of ours.
std::optional<Report> Loop::next() {
  pulse_.work();
  if (!context_.tasks.has_own()) return waiter_.poll();
  return waiter_.next(context_.tasks.size() > 1);
}

void Loop::dispatch(const Report& report) {
  context_.hooks.on_any_stop(report.tid);
  context_.moved_on = has_moved_on_meanwhile(report) ? report.tid : Tid();
  if (report.stop == Stop::Ended) return lives_.on_ended(report);
  if (report.stop == Stop::Execed) return lives_.on_exec(report);
  Task* task = context_.tasks.find(report.tid);
  if (task == nullptr) return lives_.on_stray(report);
  on_stop(*task, report);
}

// A killed task that has left its stop: what it did is told, and nothing is asked of it any more.
bool Loop::is_over(const Task& task, const Report& report) const {
  if (context_.moved_on != task.tid) return false;
  const bool has_done_something = report.stop == Stop::Forked || report.stop == Stop::Exiting ||
                                  (report.stop == Stop::Returned && report.call.op == PTRACE_SYSCALL_INFO_EXIT);
  return !has_done_something;
}

void Loop::on_stop(Task& task, const Report& report) {
  if (is_over(task, report)) return;
  const bool was_halted = std::exchange(task.halted, false);
  task.owes_stop = false;
  switch (report.stop) {
    case Stop::Called: return calls_.on_called(task, report.call);
    case Stop::Returned: return calls_.on_returned(task, report.call);
    case Stop::Forked: return lives_.on_forked(task, report);
    case Stop::Exiting: return lives_.on_exiting(task, report);
    case Stop::Attached:
      if (!was_halted && task.debugged == nullptr && (task.phase == Phase::Running || task.stranger)) make_again(task);
      [[fallthrough]];
    case Stop::Halted: return on_halted_or_attached(task, report);
    case Stop::Signalled: return on_signalled(task, report);
    case Stop::Unborrowed: return nested_.on_event(task, PTRACE_EVENT_VFORK_DONE) ? void() : context_.go_on(task);
    case Stop::Ended:
    case Stop::Execed: return;  // dispatch has dealt with them
  }
}

// Stopped with its group, a task stays so until SIGCONT; LISTEN lets that through to it without our resuming
// it, and the kernel then tells of it by one more stop of this kind, without the stop signal.
void Loop::on_halted_or_attached(Task& task, const Report& report) {
  if (task.phase == Phase::Starting) return lives_.on_first_stop(task, report);
  if (nested_.on_trap(task, report.status)) return;
  if (!report.status.is_group_stop()) return context_.go_on(task);
  task.halted = true;
  context_.resume(task, Resume::Listen);
  if (task.tid == context_.root) signals_.on_root_halted();
}

void Loop::on_signalled(Task& task, const Report& report) {
  const int signal = report.status.stop_signal();
  if (task.phase == Phase::Stepping && signal == SIGTRAP && on_step_trap(task, report)) return;
  calls_.on_stepped(task);
  if (!context_.hooks.on_signal(task, signal)) return context_.go_on(task);
  nested_.dress(task, signal);
  if (task.tid == context_.root) signals_.on_root_signalled(signal);
  if (!nested_.on_signal(task, report.status)) deliver(context_, task, signal);
}

// False: the program's own SIGTRAP, to be delivered like any signal. A debugger that steps has asked for this
// one, too.
bool Loop::on_step_trap(Task& task, const Report& report) {
  const StepTrap trap = name_step_trap(report.signal);
  if (trap == StepTrap::Foreign) return false;
  task.phase = Phase::Running;
  if (trap == StepTrap::AtHandler) on_handler_reached(calls_, task);
  if (!nested_.on_step(task, report.status)) context_.go_on(task);
  return true;
}

}  // namespace vedette
