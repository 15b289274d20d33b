// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/interruption.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "capture/tracer/calls.h"
#include "capture/tracer/context.h"

namespace vedette {
namespace {

constexpr int64_t kRestartsUnlessHandled = 514;  // ERESTARTNOHAND
constexpr size_t kInterruptedMax = 8;  // handlers that interrupt calls of handlers, and jump out

bool repeats(const PendingCall& call, const SyscallInfo& info) {
  return call.nr == info.seccomp.nr && call.ip == info.instruction_pointer && call.sp == info.stack_pointer &&
         std::equal(call.args, call.args + 6, info.seccomp.args);
}

bool ends_in_time(const EndedByStops& wait, const Registers& registers) {
  switch (wait.timeout) {
    case Timeout::None: return false;
    case Timeout::Milliseconds: return static_cast<int32_t>(registers.argument(wait.argument)) >= 0;
    case Timeout::Pointer: return registers.argument(wait.argument) != 0;
  }
  return false;
}

// What the program will find in its result register once the handler returns.
int64_t result_after_handler(Task& task) {
  const Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return 0;
  const SavedResult saved = saved_result(*registers);
  int64_t wide = 0;
  int32_t narrow = 0;
  if (saved.width == sizeof wide) {
    return task.memory.read(saved.address, &wide, sizeof wide) == sizeof wide ? wide : 0;
  }
  return task.memory.read(saved.address, &narrow, sizeof narrow) == sizeof narrow ? narrow : 0;
}

}  // namespace

void set_aside(Calls& calls, Task& task, std::unique_ptr<PendingCall> call) {
  if (task.interrupted.size() == kInterruptedMax) {
    calls.abandon(task, std::move(task.interrupted.front()));
    task.interrupted.erase(task.interrupted.begin());
  }
  task.interrupted.push_back(std::move(call));
  task.phase = Phase::Interrupted;
}

std::unique_ptr<PendingCall> take_restarted(Task& task, const SyscallInfo& info) {
  for (size_t i = task.interrupted.size(); i-- > 0;) {
    if (!repeats(*task.interrupted[i], info)) continue;
    std::unique_ptr<PendingCall> call = std::move(task.interrupted[i]);
    task.interrupted.erase(task.interrupted.begin() + static_cast<long>(i));
    return call;
  }
  return nullptr;
}

void make_again(Task& task) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers || !registers->is_native() || registers->result() != -EINTR) return;
  const auto wait = std::ranges::find(kEndedByStops, registers->number(), &EndedByStops::number);
  if (wait == kEndedByStops.end()) return;
  const WaitPlace place{registers->number(), registers->ip(), registers->sp()};
  if (ends_in_time(*wait, *registers) && std::exchange(task.made_again, place) == place) return;
  registers->set_result(-kRestartsUnlessHandled);
  (void)ptrace_set_registers(task.tid, *registers);
}

void deliver(Context& context, Task& task, int signal) {
  if (context.attached) return context.go_on(task, signal);
  const bool is_interrupted = task.phase == Phase::Interrupted || task.phase == Phase::Stepping;
  if (!is_interrupted || signal == 0) return context.go_on(task, signal);
  task.phase = Phase::Stepping;
  context.resume(task, Resume::Step, signal);
}

StepTrap name_step_trap(const siginfo_t& signal) {
  // ptrace_notify's trap carries the stop's code where a signal carries its origin.
  if (signal.si_code == SIGTRAP) return StepTrap::AtHandler;
  if (signal.si_code == TRAP_TRACE) return StepTrap::Stepped;
  return StepTrap::Foreign;
}

void on_handler_reached(Calls& calls, Task& task) {
  if (!task.interrupted.empty() && result_after_handler(task) == -EINTR) {
    std::unique_ptr<PendingCall> call = std::move(task.interrupted.back());
    task.interrupted.pop_back();
    calls.settle(task, std::move(call), -EINTR);
  }
}

void on_handler_over(Calls& calls, Task& task, const SyscallInfo& info) {
  if (task.interrupted.empty() || info.arch != kAuditNative || info.seccomp.nr != SYS_rt_sigreturn) return;
  const SavedCall saved = saved_call(info.stack_pointer);
  int64_t result = 0;
  uint64_t ip = 0;
  if (task.memory.read(saved.result, &result, sizeof result) != sizeof result || task.memory.read(saved.ip, &ip, sizeof ip) != sizeof ip) return;
  if (result != -EINTR || ip != task.interrupted.back()->ip) return;
  std::unique_ptr<PendingCall> call = std::move(task.interrupted.back());
  task.interrupted.pop_back();
  calls.settle(task, std::move(call), -EINTR);
}

}  // namespace vedette
