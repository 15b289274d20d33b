// SPDX-License-Identifier: Apache-2.0
// A debugger's wait4 and waitid. When a stop or an end is there to be told, we answer; else the kernel runs
// the call, because children may end of whom it knows best. Then there are three cases:
//
//   it blocks             as soon as there is something to tell, we interrupt it, and answer at its return
//   it says ECHILD        it does not know of the debugged that are nobody's children here: with WNOHANG the answer is 0, else the
//                         call is made once more as one that sleeps, until we interrupt it or a signal does
//   it tells of a stop    of a debugged one's group, which the debugger hears of as its tracer: it looks again
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "capture/kernel/proc.h"
#include "capture/tracer/interruption.h"
#include "capture/tracer/nested.h"

namespace vedette {
namespace {

constexpr int kContinued = 0xffff;
constexpr int kByPidfd = 3;  // P_PIDFD
constexpr size_t kTextMax = 8192;

bool is_wait(uint64_t nr) { return nr == SYS_wait4 || nr == SYS_waitid; }

// Both calls in one form.
struct Wanted {
  bool all = false;
  Tid process;
  pid_t group = 0;
  uint64_t options = 0;
};

pid_t process_behind(Tid debugger, int fd) {
  char name[32];
  std::snprintf(name, sizeof name, "fdinfo/%d", fd);
  std::string text;
  return read_file(ProcPath(debugger, name), text, kTextMax) ? static_cast<pid_t>(status_number(text, "Pid")) : 0;
}

Wanted wanted_by(const Task& debugger, const DebuggerWait& wait) {
  Wanted wanted;
  const pid_t number = static_cast<pid_t>(wait.nr == SYS_wait4 ? wait.args[0] : wait.args[1]);
  const auto group = [&](pid_t id) { return id != 0 ? id : ::getpgid(debugger.tid.get()); };
  if (wait.nr == SYS_wait4) {
    wanted.options = static_cast<uint32_t>(wait.args[2]) | WEXITED;
    if (number == -1) wanted.all = true;
    else if (number > 0) wanted.process = Tid(number);
    else wanted.group = group(-number);
    return wanted;
  }
  wanted.options = static_cast<uint32_t>(wait.args[3]);
  switch (static_cast<int>(wait.args[0])) {
    case P_ALL: wanted.all = true; break;
    case P_PID: wanted.process = Tid(number); break;
    case P_PGID: wanted.group = group(number); break;
    case kByPidfd: wanted.process = Tid(process_behind(debugger.tid, number)); break;
    default: break;
  }
  return wanted;
}

// The kernel counts in finer steps than it tells here; whoever compares two of these sees at least what it
// was told of others.
rusage usage_of(Tid tid) {
  rusage usage{};
  std::string stat;
  if (!read_file(ProcPath(tid, "stat"), stat, kTextMax)) return usage;
  constexpr int kMinorFaults = 10, kMajorFaults = 12, kUser = 14, kSystem = 15;
  static const int64_t ticks = ::sysconf(_SC_CLK_TCK);
  const auto time = [&](int field) {
    const int64_t value = stat_field(stat, field).value_or(0);
    return timeval{value / ticks, value % ticks * (1'000'000 / ticks)};
  };
  usage.ru_utime = time(kUser);
  usage.ru_stime = time(kSystem);
  usage.ru_minflt = stat_field(stat, kMinorFaults).value_or(0);
  usage.ru_majflt = stat_field(stat, kMajorFaults).value_or(0);
  return usage;
}

// One more time, as if the program stood before it.
void make_again(Task& task, const DebuggerWait& wait) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  for (unsigned i = 0; i < wait.args.size(); ++i) registers->set_argument(i, wait.args[i]);
  registers->stage_call(registers->ip() - kSyscallBytes, wait.nr);
  (void)ptrace_set_registers(task.tid, *registers);
}

void set_result(Task& task, const DebuggerWait& wait, int64_t result) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  for (unsigned i = 0; i < wait.args.size(); ++i) registers->set_argument(i, wait.args[i]);
  registers->set_number(wait.nr);
  registers->set_result(result);
  (void)ptrace_set_registers(task.tid, *registers);
}

void sleep_instead(Task& task) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  registers->set_number(SYS_ppoll);
  for (unsigned i = 0; i < 5; ++i) registers->set_argument(i, 0);
  (void)ptrace_set_registers(task.tid, *registers);
}

}  // namespace

bool NestedTracing::on_wait(Task& task, const SyscallInfo& at) {
  const uint64_t nr = at.seccomp.nr;
  if (!task.debugs || at.arch != kAuditNative || !is_wait(nr)) return false;
  auto wait = std::make_unique<DebuggerWait>();
  wait->nr = nr;
  std::copy_n(at.seccomp.args, wait->args.size(), wait->args.begin());
  const auto known = in_vain_.find(task.tid);
  const bool is_in_vain = known != in_vain_.end() && known->second == wait->args;
  if (known != in_vain_.end()) in_vain_.erase(known);
  if (const std::optional<int64_t> result = news(task, *wait)) {
    // As a call that is skipped: the answer is given once more at its return (calls.cc, answer_call).
    task.answered = *result;
    Result<Registers> registers = ptrace_registers(task.tid);
    if (registers) {
      registers->set_number(~0ull);
      registers->set_result(*result);
      (void)ptrace_set_registers(task.tid, *registers);
    }
  } else {
    // Whoever it would sleep for may have ended since the kernel's answer: then the kernel says ECHILD once
    // more.
    if (is_in_vain && has_any(task, *wait)) {
      wait->sleeps = true;
      sleep_instead(task);
    }
    task.wait = std::move(wait);
  }
  context_.resume(task, Resume::ToReturn);
  return true;
}

void NestedTracing::on_wait_returned(Task& task, int64_t result) {
  const std::unique_ptr<DebuggerWait> wait = std::move(task.wait);
  const Wanted wanted = wanted_by(task, *wait);
  constexpr int64_t kInterrupted = -512;  // ERESTARTSYS: what a wait leaves the kernel with, before a signal decides
  if (wait->sleeps || is_restart(result)) {
    if (const std::optional<int64_t> told = news(task, *wait)) return set_result(task, *wait, *told);
    if (wait->sleeps) return wait->again ? make_again(task, *wait) : set_result(task, *wait, kInterrupted);
    return;
  }
  // It may have ended while the kernel was asked.
  const std::optional<int64_t> since = result == -ECHILD ? news(task, *wait) : std::nullopt;
  if (since) return set_result(task, *wait, *since);
  if (result == -ECHILD && has_any(task, *wait)) {
    if ((wanted.options & WNOHANG) == 0) {
      in_vain_[task.tid] = wait->args;
      return make_again(task, *wait);
    }
    if (const uint64_t info = wait->args[2]; wait->nr == SYS_waitid && info != 0) {
      const siginfo_t none{};
      constexpr size_t kWritten = 28;
      (void)task.memory.write(info, &none, kWritten);
    }
    return set_result(task, *wait, 0);
  }
  int status = 0;
  Tid about;
  if (wait->nr == SYS_wait4 && result > 0) {
    about = Tid(static_cast<pid_t>(result));
    if (wait->args[1] != 0) (void)task.memory.read(wait->args[1], &status, sizeof status);
  } else if (wait->nr == SYS_waitid && result == 0 && wait->args[2] != 0) {
    siginfo_t info{};
    if (task.memory.read(wait->args[2], &info, sizeof info) != sizeof info || info.si_signo == 0) return;
    about = Tid(info.si_pid);
    status = info.si_code == CLD_CONTINUED ? kContinued : 0;
  }
  const Task* const child = about.is_set() ? context_.tasks.find(about) : nullptr;
  if (child != nullptr && child->debugged != nullptr && child->debugged->process == task.process && status != kContinued) make_again(task, *wait);
}

// The oldest of what has happened, written to where the debugger wants it.
std::optional<int64_t> NestedTracing::news(Task& debugger, const DebuggerWait& wait) {
  const Wanted wanted = wanted_by(debugger, wait);
  if ((wanted.options & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return std::nullopt;  // EINVAL, says the kernel
  for (auto one = news_.begin(); one != news_.end(); ++one) {
    if (one->process != debugger.process || !waits_for(debugger, wait, one->tid, one->debugger, one->group)) continue;
    if (one->is_end && (wanted.options & WEXITED) == 0) continue;
    const News told = *one;
    const int64_t answer = write_news(debugger, wait, told);
    if ((wanted.options & WNOWAIT) != 0) return answer;
    news_.erase(one);
    // Its end has been heard of; now it may end.
    Task* const ending = told.is_end ? context_.tasks.find(told.tid) : nullptr;
    if (ending != nullptr && ending->debugged != nullptr && ending->debugged->held == Held::End) (void)ptrace_resume(ending->tid, Resume::Run);
    return answer;
  }
  return std::nullopt;
}

bool NestedTracing::waits_for(const Task& debugger, const DebuggerWait& wait, Tid about, Tid by, pid_t group) const {
  const Wanted wanted = wanted_by(debugger, wait);
  if ((wanted.options & __WNOTHREAD) != 0 && by != debugger.tid) return false;
  return wanted.all || wanted.process == about || (wanted.group != 0 && wanted.group == group);
}

// One whose end it has heard of is nobody any more, as a zombie is that was waited for.
bool NestedTracing::has_any(const Task& debugger, const DebuggerWait& wait) const {
  const auto is_told_of = [this](const Task& task) {
    const bool has_news = std::any_of(news_.begin(), news_.end(), [&](const News& one) { return one.tid == task.tid && one.is_end; });
    return task.debugged->held == Held::End && !has_news;
  };
  bool has = false;
  context_.tasks.each([&](const Task& task) {
    const Debugged* const one = task.debugged.get();
    if (one == nullptr || one->process != debugger.process || is_told_of(task)) return;
    has |= waits_for(debugger, wait, task.tid, one->debugger, one->group);
  });
  return has;
}

int64_t NestedTracing::write_news(Task& debugger, const DebuggerWait& wait, const News& news) {
  const bool is_wait4 = wait.nr == SYS_wait4;
  const Tid about = news.tid;
  const int status = news.status;
  const WaitStatus read(status);
  const uint64_t into = wait.args[is_wait4 ? 1 : 2], usage_into = wait.args[is_wait4 ? 3 : 4];
  if (usage_into != 0) {
    const rusage usage = usage_of(about);
    if (debugger.memory.write(usage_into, &usage, sizeof usage) != sizeof usage) return -EFAULT;
  }
  if (into == 0) return is_wait4 ? about.get() : 0;
  if (is_wait4) return debugger.memory.write(into, &status, sizeof status) == sizeof status ? about.get() : -EFAULT;
  siginfo_t info{};
  info.si_signo = SIGCHLD;
  info.si_pid = about.get();
  std::string text;
  if (read_file(ProcPath(about, "status"), text, kTextMax)) info.si_uid = static_cast<uid_t>(status_number(text, "Uid"));
  if (!news.is_end) {
    info.si_code = CLD_TRAPPED;
    info.si_status = status >> 8;
  } else if (read.is_exited()) {
    info.si_code = CLD_EXITED;
    info.si_status = read.exit_code();
  } else {
    info.si_code = read.dumped_core() ? CLD_DUMPED : CLD_KILLED;
    info.si_status = read.term_signal();
  }
  constexpr size_t kWritten = 28;  // what the kernel fills in
  return debugger.memory.write(into, &info, kWritten) == kWritten ? 0 : -EFAULT;
}

}  // namespace vedette
