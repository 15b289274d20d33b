// SPDX-License-Identifier: Apache-2.0
#include "test/capture/model/fake_kernel.h"

#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "capture/kernel/arch.h"
#include "capture/kernel/filter.h"
#include "test/capture/model/choices.h"
#include "test/capture/model/rings.h"

namespace vedette {
namespace {

FakeKernel* current;  // that the functions below ask

constexpr uint64_t kCallSite = 0x1000;
constexpr int kEventBits = 8;

int event(int what) { return SIGTRAP | what << kEventBits; }

int event_of(Op::Kind kind) {
  if (kind == Op::Fork) return PTRACE_EVENT_FORK;
  return kind == Op::Vfork ? PTRACE_EVENT_VFORK : PTRACE_EVENT_CLONE;
}

uint64_t number_of(Op::Kind kind) {
  switch (kind) {
    case Op::Fork: return SYS_fork;
    case Op::Vfork: return SYS_vfork;
    case Op::Thread: return SYS_clone;
    default: return SYS_execve;
  }
}

constexpr uint64_t kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

}  // namespace

FakeKernel::FakeKernel(Choices& choices, Script root, int preemptions) : choices_(choices), preemptions_(preemptions) {
  root.insert(root.begin(), Op{Op::Exec});
  tasks[kRoot] = {.tid = kRoot, .process = kRoot, .script = std::move(root), .at = FakeTask::At::User, .sp = 0x7000'0000};
  current = this;
}

FakeKernel::~FakeKernel() { current = nullptr; }

void FakeKernel::stop(FakeTask& task, int code, unsigned long message) {
  task.stopped = true;
  task.told = false;
  task.status = code << 8 | 0x7f;
  task.message = message;
}

bool FakeKernel::has_other_threads(const FakeTask& task) const {
  return std::any_of(tasks.begin(), tasks.end(), [&](const auto& entry) {
    const FakeTask& other = entry.second;
    // A leader that has ended is no obstacle to the exec of one of its threads.
    const bool counts = other.at != FakeTask::At::Dead || other.tid != other.process;
    return other.process == task.process && other.tid != task.tid && counts;
  });
}

bool FakeKernel::has_child_left(const FakeTask& task) const {
  const auto child = tasks.find(task.child);
  return child != tasks.end() && child->second.lender == task.tid && child->second.at != FakeTask::At::Dead;
}

bool FakeKernel::can_step(const FakeTask& task) const {
  if (task.stopped || task.at == FakeTask::At::Dead) return false;
  if (task.killed) return true;
  if (task.at == FakeTask::At::WaitsForChild) return !has_child_left(task);
  return task.at != FakeTask::At::WaitsForThreads || !has_other_threads(task);
}

std::vector<int> FakeKernel::steppable() const {
  std::vector<int> found;
  for (const auto& [tid, task] : tasks) {
    if (can_step(task)) found.push_back(tid);
  }
  return found;
}

void FakeKernel::step(FakeTask& task) {
  using At = FakeTask::At;
  if (task.at == At::Exiting) {
    task.at = At::Dead;
    task.told = false;
    task.status = task.killed ? SIGKILL : 0;
    return;
  }
  if (task.killed && task.at != At::Made) {
    task.at = At::Exiting;
    return stop(task, event(PTRACE_EVENT_EXIT), static_cast<unsigned long>(SIGKILL));
  }
  switch (task.at) {
    case At::Born: task.at = At::Returned; return stop(task, event(PTRACE_EVENT_STOP));
    case At::User: return run(task);
    case At::InCall: return call(task);
    case At::Made:
      task.at = At::Told;
      if (!task.killed) stop(task, event(event_of(task.op.kind)), static_cast<unsigned long>(task.child));
      return;
    case At::WaitsForChild: task.at = At::Returned; return;
    case At::WaitsForThreads: return execute(task);
    case At::Returned:
      if (!std::exchange(task.to_return, false)) task.at = At::User;
      else stop(task, SIGTRAP | 0x80);
      return;
    default: return;
  }
}

void FakeKernel::run(FakeTask& task) {
  for (Made& one : made) one.ran |= one.child == task.tid;
  const bool is_own = task.gs == 0 || task.gs == ring_of(task.tid) || (task.lender != 0 && task.gs == ring_of(task.lender));
  if (!is_own) wrongs.push_back(std::to_string(task.tid) + " runs with another's ring");
  task.op = task.next < task.script.size() ? task.script[task.next++] : Op{Op::Exit};
  const int process = task.process;
  switch (task.op.kind) {
    case Op::KillParent: return kill_process(task.parent);
    case Op::KillChildren: {
      std::vector<int> children;
      for (const auto& [tid, other] : tasks) {
        if (other.parent == process && other.tid == other.process) children.push_back(tid);
      }
      for (const int child : children) kill_process(child);
      return;
    }
    case Op::ExitGroup:
      for (auto& [tid, other] : tasks) {
        if (other.process == process && tid != task.tid) kill_task(other);
      }
      [[fallthrough]];
    case Op::Exit: task.at = FakeTask::At::Exiting; return stop(task, event(PTRACE_EVENT_EXIT));
    default:
      task.at = FakeTask::At::Called;
      task.result = -ENOSYS;
      return stop(task, event(PTRACE_EVENT_SECCOMP));
  }
}

void FakeKernel::call(FakeTask& task) {
  if (task.op.kind != Op::Exec) return make(task);
  task.at = FakeTask::At::WaitsForThreads;
  for (auto& [tid, other] : tasks) {
    if (other.process == task.process && tid != task.tid) kill_task(other);
  }
}

void FakeKernel::make(FakeTask& task) {
  const bool is_thread = task.op.kind == Op::Thread;
  FakeTask child{.tid = ++newest_, .script = task.op.child, .gs = task.gs, .sp = task.sp};
  child.process = is_thread ? task.process : child.tid;
  child.parent = is_thread ? task.parent : task.process;
  if (is_thread) child.sp = 0x6000'0000 + static_cast<uint64_t>(child.tid) * 0x1000;
  if (task.op.kind == Op::Vfork) child.lender = task.tid;
  child.killed = is_thread && task.killed;
  made.push_back({task.tid, child.tid, !is_thread});
  task.child = child.tid;
  task.result = child.tid;
  task.at = FakeTask::At::Made;
  tasks[child.tid] = std::move(child);
}

// It takes the leader's number; the leader is gone without a word.
void FakeKernel::execute(FakeTask& task) {
  FakeTask executed = std::move(task);
  const int former = executed.tid;
  tasks.erase(former);
  tasks.erase(executed.process);
  executed.tid = executed.process;
  executed.gs = 0;
  executed.lender = 0;
  executed.result = 0;
  executed.at = FakeTask::At::Executed;
  FakeTask& now = tasks[executed.tid] = std::move(executed);
  stop(now, event(PTRACE_EVENT_EXEC), static_cast<unsigned long>(former));
}

// Who is about to end stays so; who has stopped for it goes on.
void FakeKernel::kill_task(FakeTask& task) {
  if (task.killed || task.at == FakeTask::At::Dead) return;
  task.killed = true;
  task.stopped = false;
}

void FakeKernel::kill_process(int process) {
  for (auto& [tid, task] : tasks) {
    if (task.process == process) kill_task(task);
  }
}

bool FakeKernel::is_waitable(const FakeTask& task) const {
  if (task.told) return false;
  if (task.stopped) return true;
  if (task.at != FakeTask::At::Dead) return false;
  const bool is_leader = task.tid == task.process;
  return !is_leader || std::none_of(tasks.begin(), tasks.end(), [&](const auto& entry) { return entry.second.process == task.process && entry.first != task.tid; });
}

Result<Waited> FakeKernel::wait_any(bool block) {
  for (;;) {
    std::vector<int> waitable;
    for (const auto& [tid, task] : tasks) {
      if (is_waitable(task)) waitable.push_back(tid);
    }
    const std::vector<int> others = steppable();
    const bool may_leave = !block && waitable.empty();
    const size_t count = waitable.size() + others.size() + (may_leave ? 1 : 0);
    if (tasks.empty()) return Errno(ECHILD);
    if (count == 0) {
      wrongs.push_back("everybody waits for everybody");
      return Errno(ECHILD);
    }
    const size_t chosen = choices_.choose(count);
    if (chosen < waitable.size()) {
      FakeTask& task = tasks[waitable[chosen]];
      task.told = true;
      const Waited news{Tid(task.tid), WaitStatus(task.status)};
      if (task.at == FakeTask::At::Dead) tasks.erase(task.tid);
      return news;
    }
    if (chosen == waitable.size() + others.size()) return Waited{};
    step(tasks[others[chosen - waitable.size()]]);
  }
}

void FakeKernel::preempt() {
  if (preemptions_ == 0) return;
  const std::vector<int> others = steppable();
  const size_t chosen = choices_.choose(others.size() + 1);
  if (chosen == 0) return;
  --preemptions_;
  step(tasks[others[chosen - 1]]);
}

bool FakeKernel::has_news(int tid) {
  const auto task = tasks.find(tid);
  return task != tasks.end() && is_waitable(task->second);
}

FakeTask* FakeKernel::stopped_task(int tid) {
  const auto task = tasks.find(tid);
  return task != tasks.end() && task->second.stopped ? &task->second : nullptr;
}

Result<void> FakeKernel::resume(int tid, Resume how) {
  using At = FakeTask::At;
  FakeTask* const task = stopped_task(tid);
  if (task == nullptr) return Errno(ESRCH);
  task->stopped = false;
  task->to_return = how == Resume::ToReturn;
  switch (task->at) {
    case At::Called: task->at = At::InCall; break;
    case At::Told: task->at = task->op.kind == Op::Vfork ? At::WaitsForChild : At::Returned; break;
    case At::Executed: task->at = At::Returned; break;
    case At::Returned: task->at = At::User; break;
    default: break;
  }
  return {};
}

SyscallInfo FakeKernel::call_of(const FakeTask& task) const {
  SyscallInfo info{};
  info.arch = kAuditNative;
  info.instruction_pointer = kCallSite;
  info.stack_pointer = task.sp;
  const int code = task.status >> 8;
  if (code == event(PTRACE_EVENT_SECCOMP)) {
    info.op = PTRACE_SYSCALL_INFO_SECCOMP;
    info.seccomp.nr = number_of(task.op.kind);
    info.seccomp.ret_data = kOwnStop;
    if (task.op.kind == Op::Thread) {
      info.seccomp.args[0] = kThreadFlags;
      info.seccomp.args[1] = 0x6000'0000 + static_cast<uint64_t>(newest_ + 1) * 0x1000;
    }
  } else if (code == (SIGTRAP | 0x80)) {
    info.op = PTRACE_SYSCALL_INFO_EXIT;
    info.exit.rval = task.result;
  }
  return info;
}

siginfo_t FakeKernel::siginfo_of(const FakeTask& task) const {
  siginfo_t info{};
  info.si_signo = SIGTRAP;
  info.si_code = task.status >> 8;
  return info;
}

Registers FakeKernel::registers_of(const FakeTask& task) const {
  Registers registers{};
  registers.raw.rip = kCallSite;
  registers.raw.rsp = task.sp;
  const bool is_in_call = task.op.kind <= Op::Exec;
  registers.raw.orig_rax = is_in_call ? number_of(task.op.kind) : ~0ull;
  registers.raw.rax = static_cast<uint64_t>(task.result);
  registers.raw.gs_base = task.gs;
  return registers;
}

// What stands in place of capture/kernel/ptrace.cc. Only what the tracer asks of a task in the trace tier has
// a meaning.

namespace {

template <typename T, typename Function>
Result<T> ask(Tid tid, Function function) {
  current->preempt();
  FakeTask* const task = current->stopped_task(tid.get());
  if (task == nullptr) return Errno(ESRCH);
  return function(*task);
}

}  // namespace

Result<void> ptrace_seize(Tid, unsigned long) { return Errno(EPERM); }
Result<void> ptrace_seize_within(uint64_t, Tid, unsigned long) { return Errno(EPERM); }
Result<void> ptrace_set_options(Tid, unsigned long) { return {}; }
Result<void> ptrace_resume(Tid tid, Resume how, int) {
  current->preempt();
  return current->resume(tid.get(), how);
}
Result<void> ptrace_interrupt(Tid) { return Errno(EPERM); }
Result<Waited> ptrace_wait_any(bool block) { return current->wait_any(block); }
Result<WaitStatus> ptrace_wait(Tid) { return Errno(ESRCH); }
bool ptrace_has_news(Tid tid) { return current->has_news(tid.get()); }
Result<long> ptrace_request(long, Tid, uint64_t, void*) { return Errno(EIO); }  // no debugger is among the tasks
Result<void> ptrace_detach(Tid, int) { return Errno(ESRCH); }
Result<SyscallInfo> ptrace_syscall_info(Tid tid) {
  return ask<SyscallInfo>(tid, [](const FakeTask& task) { return current->call_of(task); });
}
Result<unsigned long> ptrace_event_message(Tid tid) {
  return ask<unsigned long>(tid, [](const FakeTask& task) { return task.message; });
}
Result<siginfo_t> ptrace_siginfo(Tid tid) {
  return ask<siginfo_t>(tid, [](const FakeTask& task) { return current->siginfo_of(task); });
}
Result<void> ptrace_set_siginfo(Tid, const siginfo_t&) { return {}; }
Result<uint64_t> ptrace_signal_mask(Tid) { return Errno(ESRCH); }
Result<void> ptrace_set_signal_mask(Tid, uint64_t) { return Errno(ESRCH); }
Result<uint64_t> ptrace_peek(Tid, uint64_t) { return Errno(ESRCH); }
Result<void> ptrace_poke(Tid, uint64_t, uint64_t) { return Errno(ESRCH); }
Result<Registers> ptrace_registers(Tid tid) {
  return ask<Registers>(tid, [](const FakeTask& task) { return current->registers_of(task); });
}
Result<void> ptrace_set_registers(Tid, const Registers&) { return {}; }
Result<void> ptrace_set_thread_context(Tid tid, uint64_t value) {
  FakeTask* const task = current->stopped_task(tid.get());
  if (task == nullptr) return Errno(ESRCH);
  task->gs = value;
  return {};
}
Result<uint64_t> ptrace_thread_context(Tid tid) {
  return ask<uint64_t>(tid, [](const FakeTask& task) { return task.gs; });
}

}  // namespace vedette
