// SPDX-License-Identifier: Apache-2.0
// Who debugs whom, and the stops in between.
#include "capture/tracer/nested.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "capture/kernel/proc.h"
#include "capture/tracer/calls.h"
#include "capture/tracer/interruption.h"
#include "capture/tracer/stop.h"

namespace vedette {
namespace {

constexpr int kStopped = 0x7f;
constexpr int kTraceBit = 0x80;  // PTRACE_O_TRACESYSGOOD
constexpr size_t kStatusMax = 8192;

int stopped_by(int code) { return code << 8 | kStopped; }
int stopped_at(int event, int signal = SIGTRAP) { return stopped_by(signal | event << 8); }

void send(const Task& task, int signal) { (void)::syscall(SYS_tgkill, task.process.get(), task.tid.get(), signal); }

// A SIGCHLD that nobody takes leaves no trace, but it would interrupt calls.
bool takes_sigchld(Tid process) {
  std::string status;
  if (!read_file(ProcPath(process, "status"), status, kStatusMax)) return false;
  constexpr uint64_t kBit = 1ull << (SIGCHLD - 1);
  return ((status_mask(status, "SigCgt") | status_mask(status, "SigBlk")) & kBit) != 0;
}

pid_t number_field(Tid tid, std::string_view name) {
  std::string status;
  return read_file(ProcPath(tid, "status"), status, kStatusMax) ? static_cast<pid_t>(status_number(status, name)) : 0;
}

uint64_t option_of(int event) { return 1ull << event; }

}  // namespace

void NestedTracing::take(Task& task, Tid debugger, Tid process, bool seized, uint64_t options) {
  task.debugged = std::make_unique<Debugged>();
  Debugged& one = *task.debugged;
  one.debugger = debugger;
  one.process = process;
  one.seized = seized;
  one.options = options;
  one.is_child = task.is_leader() && number_field(task.tid, "PPid") == process.get();
  one.group = ::getpgid(task.tid.get());
  context_.hooks.on_debugged(task);
}

// From now on its waits are ours to answer. A thread that is in one already is taken out of it: the kernel
// makes it again.
void NestedTracing::make_debugger(Tid process, const Task* caller) {
  context_.tasks.each([&](Task& task) {
    if (task.process != process || task.debugs) return;
    task.debugs = true;
    context_.hooks.on_debugged(task);
    if (&task != caller) return interrupt(task);
    (void)context_.hooks.on_shown(task);
    task.stop_at_each_call();
  });
}

void NestedTracing::interrupt(Task& task) { (void)ptrace_interrupt(task.tid); }

bool NestedTracing::hold(Task& task, Held held, int status) {
  if (context_.moved_on == task.tid) return true;  // killed: its end is still to be told of
  Debugged& one = *task.debugged;
  one.held = held;
  one.status = status;
  if (const pid_t group = ::getpgid(task.tid.get()); group > 0) one.group = group;
  forget_stop(task.tid);
  tell(news_.emplace_back(News{task.tid, one.debugger, one.process, one.group, status, false}), CLD_TRAPPED, (status >> 8) & 0x7f);
  return true;
}

void NestedTracing::forget_stop(Tid tid) {
  std::erase_if(news_, [tid](const News& one) { return one.tid == tid && !one.is_end; });
}

// By SIGCHLD, and by waking whoever waits for it. The kernel lets nobody send a signal in its name, so it is
// dressed when it is delivered.
void NestedTracing::tell(const News& news, int code, int status) {
  if (takes_sigchld(news.process)) {
    siginfo_t& info = sigchld_[news.process];
    info = {};
    info.si_signo = SIGCHLD;
    info.si_code = code;
    info.si_pid = news.tid.get();
    info.si_uid = static_cast<uid_t>(number_field(news.tid, "Uid"));
    info.si_status = status;
    (void)::kill(news.process.get(), SIGCHLD);
  }
  context_.tasks.each([&](Task& task) {
    if (task.process == news.process && task.wait != nullptr && waits_for(task, *task.wait, news.tid, news.debugger, news.group)) interrupt(task);
  });
}

void NestedTracing::dress(Task& task, int signal) {
  if (signal != SIGCHLD && signal != SIGSTOP && signal != SIGTRAP) return;
  if (!task.debugs && task.debugged == nullptr) return;
  Result<siginfo_t> info = ptrace_siginfo(task.tid);
  if (!info || info->si_pid != ::getpid()) return;
  if (signal == SIGCHLD && info->si_code == SI_USER) {
    const auto news = sigchld_.find(task.process);
    if (news != sigchld_.end()) (void)ptrace_set_siginfo(task.tid, news->second);
    return;
  }
  if (info->si_code != SI_TKILL) return;
  siginfo_t told{};
  told.si_signo = signal;
  told.si_code = SI_USER;
  if (signal == SIGTRAP) {  // of an exec: as if it had come from itself
    told.si_pid = task.process.get();
    told.si_uid = static_cast<uid_t>(number_field(task.tid, "Uid"));
  } else if (!std::exchange(task.debugged->is_born_to_it, false)) {
    told.si_code = SI_KERNEL;
  }
  (void)ptrace_set_siginfo(task.tid, told);
}

bool NestedTracing::on_signal(Task& task, WaitStatus status) {
  if (task.debugged == nullptr) return false;
  if (!context_.hooks.on_shown(task) && status.stop_signal() == SIGSTOP) {
    task.debugged->is_in_boot = true;
    context_.resume(task);
    return true;
  }
  return hold(task, Held::Signal, stopped_by(status.stop_signal()));
}

// A stop that is none of a signal's: asked for by us, by the debugger, or the group's.
bool NestedTracing::on_trap(Task& task, WaitStatus status) {
  const bool is_shown = (!task.is_close() && task.debugged == nullptr) || context_.hooks.on_shown(task);
  if (task.is_close()) {
    if (is_shown) task.stop_at_each_call();
    else task.is_due = true;
  }
  if (task.debugged == nullptr) return false;
  Debugged& one = *task.debugged;
  if (!is_shown) {
    one.is_in_boot = true;
    return false;
  }
  const bool was_wanted = std::exchange(one.wants_interrupt, false);
  if (status.is_group_stop()) {
    return hold(task, Held::Group, one.seized ? status.get() : stopped_by(status.stop_signal()));
  }
  // After SIGCONT the kernel tells of the group's end of its stop, too; only stops that we asked for
  // ourselves stay unseen.
  const bool is_ours = task.debugs && !was_wanted;
  if (!one.seized || is_ours) return false;
  return hold(task, Held::Event, status.get());
}

// At a signal's handler, where a debugger that steps in wants to be as much as we do.
bool NestedTracing::on_step(Task& task, WaitStatus status) {
  return task.debugged != nullptr && task.debugged->steps() && hold(task, Held::Event, status.get());
}

// It was in our code when it was asked to stop, and has left it.
void NestedTracing::on_own_call(Task& task) {
  if (std::exchange(task.is_due, false)) interrupt(task);
  if (task.debugged == nullptr || !std::exchange(task.debugged->is_in_boot, false)) return;
  if (task.debugged->seized) interrupt(task);
  else send(task, SIGSTOP);
}

void NestedTracing::on_put_off(Task& task) {
  if (task.debugged != nullptr) task.debugged->repeats = task.debugged->stops_at_calls();
}

bool NestedTracing::on_call_entered(Task& task) {
  if (task.debugged == nullptr || !task.debugged->stops_at_calls() || std::exchange(task.debugged->repeats, false)) return false;
  const int mark = (task.debugged->options & PTRACE_O_TRACESYSGOOD) != 0 ? kTraceBit : 0;
  task.debugged->is_emulated = task.debugged->how != Resume::ToReturn;
  return hold(task, Held::Entry, stopped_by(SIGTRAP | mark));
}

bool NestedTracing::on_filtered(Task& task) {
  if (task.debugged == nullptr || (task.debugged->options & PTRACE_O_TRACESECCOMP) == 0) return false;
  return hold(task, Held::Filtered, stopped_at(PTRACE_EVENT_SECCOMP));
}

bool NestedTracing::on_call_returned(Task& task) {
  if (task.debugged == nullptr || task.debugged->how != Resume::ToReturn) return false;
  const int mark = (task.debugged->options & PTRACE_O_TRACESYSGOOD) != 0 ? kTraceBit : 0;
  return hold(task, Held::Return, stopped_by(SIGTRAP | mark));
}

bool NestedTracing::on_event(Task& task, int event) {
  if (task.debugged == nullptr) return false;
  const Debugged& one = *task.debugged;
  if ((one.options & option_of(event)) != 0) return hold(task, Held::Event, stopped_at(event));
  // As old as ptrace: whoever has not asked for the event gets a signal.
  if (event == PTRACE_EVENT_EXEC && !one.seized) send(task, SIGTRAP);
  return false;
}

void NestedTracing::on_forked(Task& parent, Task& child, int event, uint64_t clone_flags) {
  if (parent.debugs && (clone_flags & CLONE_THREAD) != 0) {
    child.debugs = true;
    child.stop_at_each_call();
  }
  if (parent.debugged == nullptr) return;
  const Debugged& one = *parent.debugged;
  if (event == PTRACE_EVENT_VFORK && (one.options & PTRACE_O_TRACEVFORKDONE) != 0) {
    (void)ptrace_set_options(parent.tid, kStopOptions | PTRACE_O_TRACEVFORKDONE | (parent.bound ? PTRACE_O_EXITKILL : 0));
  }
  const bool is_wanted = event != 0 && (one.options & option_of(event)) != 0 && (clone_flags & CLONE_UNTRACED) == 0;
  if (!is_wanted && (clone_flags & CLONE_PTRACE) == 0) return;
  take(child, one.debugger, one.process, one.seized, one.options);
  child.debugged->is_born_to_it = true;
}

// A seized one's first stop is a trap, the others begin with a SIGSTOP. Who has been seized since, and asked
// to stop, may have had that stop and this one in one.
bool NestedTracing::on_first_stop(Task& child, WaitStatus status) {
  if (child.debugged == nullptr) return false;
  if (child.debugged->wants_interrupt) interrupt(child);
  if (!child.debugged->is_born_to_it) return false;
  if (child.debugged->seized) {
    child.debugged->is_born_to_it = false;
    return hold(child, status.is_group_stop() ? Held::Group : Held::Event, status.get());
  }
  send(child, SIGSTOP);
  return false;
}

bool NestedTracing::on_exiting(Task& task) { return on_event(task, PTRACE_EVENT_EXIT) || hold_end(task); }

// The end of a process is its parent's to hear of once its debugger has. So its last thread stays in the
// kernel's last stop while the debugger is told; what becomes of it is certain by then.
bool NestedTracing::hold_end(Task& task) {
  if (task.debugged == nullptr || task.debugged->is_child || !task.is_leader()) return false;
  bool is_alone = true;
  context_.tasks.each([&](const Task& other) { is_alone &= &other == &task || other.process != task.process; });
  const Result<unsigned long> status = ptrace_event_message(task.tid);
  if (!is_alone || !status) return false;
  task.debugged->held = Held::End;
  tell_end(task, WaitStatus(static_cast<int>(*status)));
  return true;
}

void NestedTracing::tell_end(const Task& task, WaitStatus status) {
  const Debugged& one = *task.debugged;
  const bool has_exited = status.is_exited();
  const int code = has_exited ? CLD_EXITED : status.dumped_core() ? CLD_DUMPED : CLD_KILLED;
  tell(news_.emplace_back(News{task.tid, one.debugger, one.process, one.group, status.get(), true}), code,
       has_exited ? status.exit_code() : status.term_signal());
}

void NestedTracing::on_ended(Task& task, WaitStatus status) {
  forget_stop(task.tid);
  if (task.debugged != nullptr && !task.debugged->is_child && task.debugged->held != Held::End) tell_end(task, status);
  task.debugged.reset();
  if (task.debugs) leave_alone(task);
  // Whoever sleeps may be the parent.
  context_.tasks.each([&](Task& other) {
    if (other.wait == nullptr || !other.wait->sleeps) return;
    other.wait->again = true;
    interrupt(other);
  });
}

// A debugger is gone: whom it traced goes on without it.
void NestedTracing::leave_alone(const Task& debugger) {
  context_.tasks.each([&](Task& task) {
    const Debugged* const one = task.debugged.get();
    if (one == nullptr || (one->debugger != debugger.tid && one->process != debugger.tid)) return;
    if ((one->options & PTRACE_O_EXITKILL) != 0) (void)::kill(task.process.get(), SIGKILL);
    // A signal whose stop was waited for is gone with who waited (kernel/exit.c, wait_task_stopped).
    const bool is_told = std::none_of(news_.begin(), news_.end(), [&](const News& news) { return news.tid == task.tid && !news.is_end; });
    detach(task, one->held == Held::Signal && !is_told ? (one->status >> 8) & 0x7f : 0);
  });
  std::erase_if(news_, [&](const News& one) { return one.process == debugger.tid; });
  if (debugger.is_leader()) sigchld_.erase(debugger.process);
  in_vain_.erase(debugger.tid);
}

void NestedTracing::detach(Task& task, int signal) {
  const Held held = task.debugged->held;
  const bool is_emulated = task.debugged->is_emulated;
  forget_stop(task.tid);
  task.debugged.reset();
  let_go(task, held, signal, is_emulated);
}

// What we would have done at that stop had there been no debugger.
void NestedTracing::let_go(Task& task, Held held, int signal, bool is_emulated) {
  switch (held) {
    case Held::No: return;
    case Held::Signal: return deliver(context_, task, signal);
    case Held::Filtered:
    case Held::Entry: return calls_.on_released(task, held, signal, is_emulated);
    case Held::Group:
      if (task.debugged == nullptr) {
        task.halted = true;
        return context_.resume(task, Resume::Listen);
      }
      [[fallthrough]];
    case Held::Event:
      if (task.debugged != nullptr && task.debugged->status >> 16 == PTRACE_EVENT_EXIT && hold_end(task)) return;
      [[fallthrough]];
    case Held::End:
    case Held::Return: return context_.go_on(task, signal);
  }
}

}  // namespace vedette
