// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/call_answer.h"

#include <utility>

namespace vedette {

Abi abi_of(const SyscallInfo& info) {
  if (info.arch != kAuditNative) return kForeignAbi;
  return (info.seccomp.nr & kForeignNumberBit) != 0 ? Abi::X32 : kNativeAbi;
}

// The kernel skips a call whose number is -1 and does not run the filter again for it. On arm64 a 32-bit
// program's registers come in another form, which only the call's convention tells. Stopped by ptrace it has
// its seccomp filters still before it, and a container's profile may answer a number that it does not know
// (runc's do, with ENOSYS): there the answer is given once more, at the return.
bool answer_call(Task& task, Abi abi, int64_t result) {
  if (task.onward() == Resume::ToReturn) task.answered = result;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return false;
  registers->set_number(static_cast<uint64_t>(kNoCall));
  if (abi == kNativeAbi) {
    registers->set_result(result);
  } else {
    registers->set_result_32(static_cast<int32_t>(result));
  }
  return static_cast<bool>(ptrace_set_registers(task.tid, *registers));
}

void answer_again(Task& task) {
  const int64_t result = *std::exchange(task.answered, std::nullopt);
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  registers->set_result(result);
  (void)ptrace_set_registers(task.tid, *registers);
}

}  // namespace vedette
