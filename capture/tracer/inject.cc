// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inject.h"

#include "capture/kernel/ptrace.h"
#include "capture/tracer/stop.h"

namespace vedette {
namespace {

constexpr uint64_t kAllSignals = ~0ull;
constexpr int kStopsMax = 16;  // entry, seccomp, return, and group stops that come between

// The seccomp stop, if the filter traps the number, comes before the return; anything else is let pass.
Result<int64_t> run_to_return(Tid tid) {
  for (int i = 0; i < kStopsMax; ++i) {
    if (const Result<void> resumed = ptrace_resume(tid, Resume::ToReturn); !resumed) return resumed.error();
    const Result<WaitStatus> status = ptrace_wait(tid);
    if (!status) return status.error();
    if (name_stop(*status) == Stop::Exiting) return Errno(ESRCH);
    if (name_stop(*status) != Stop::Returned) continue;
    const Result<SyscallInfo> info = ptrace_syscall_info(tid);
    if (!info) return info.error();
    if (info->op == PTRACE_SYSCALL_INFO_EXIT) return static_cast<int64_t>(info->exit.rval);
  }
  return Errno(EINTR);
}

}  // namespace

Result<int64_t> inject_call(Tid tid, uint64_t at, const InjectedCall& call) {
  const Result<Registers> before = ptrace_registers(tid);
  const Result<uint64_t> mask = ptrace_signal_mask(tid);
  if (!before) return before.error();
  if (!mask) return mask.error();

  Registers staged = *before;
  staged.stage_call(at, call.nr);
  for (unsigned i = 0; i < call.args.size(); ++i) staged.set_argument(i, call.args[i]);
  if (const Result<void> set = ptrace_set_signal_mask(tid, kAllSignals); !set) return set.error();
  if (const Result<void> set = ptrace_set_registers(tid, staged); !set) return set.error();

  const Result<int64_t> answer = run_to_return(tid);
  (void)ptrace_set_registers(tid, *before);
  (void)ptrace_set_signal_mask(tid, *mask);
  return answer;
}

Result<int64_t> replace_call(Tid tid, const InjectedCall& call, bool is_32) {
  const Result<Registers> before = ptrace_registers(tid);
  if (!before) return before.error();
  Registers staged = *before;
  staged.set_number(call.nr);
  for (unsigned i = 0; i < call.args.size(); ++i) {
    if (is_32) staged.set_argument_32(i, static_cast<uint32_t>(call.args[i]));
    else staged.set_argument(i, call.args[i]);
  }
  if (const Result<void> set = ptrace_set_registers(tid, staged); !set) return set.error();
  const Result<int64_t> answer = run_to_return(tid);
  Registers again = *before;
  again.stage_call(before->ip() - kSyscallBytes, before->number());
  (void)ptrace_set_registers(tid, again);
  return answer;
}

}  // namespace vedette
