// SPDX-License-Identifier: Apache-2.0
// The requests of ptrace that x86-64 alone has.
#include <sys/user.h>

#include <cerrno>

#include "capture/kernel/ptrace.h"
#include "capture/tracer/nested.h"

namespace vedette {
namespace {

// arch/x86/include/uapi/asm/ptrace-abi.h
enum : long {
  kGetRegs = 12, kSetRegs = 13, kGetFpRegs = 14, kSetFpRegs = 15, kOldSetOptions = 21, kGetThreadArea = 25, kSetThreadArea = 26,
  kArchPrctl = 30, kSysEmu = 31, kSysEmuSingleStep = 32, kSingleBlock = 33,
};
constexpr uint64_t kGetFs = 0x1003, kGetGs = 0x1004;  // ARCH_GET_FS, ARCH_GET_GS
constexpr size_t kThreadAreaBytes = 16;

}  // namespace

int64_t NestedTracing::processor_request(Task& debugger, Task& target, long what, uint64_t address, uint64_t data) {
  switch (what) {
    case kOldSetOptions: return request(debugger, target, PTRACE_SETOPTIONS, address, data);
    case kGetRegs: return copy_out(debugger, target, what, 0, data, sizeof(user_regs_struct));
    case kSetRegs: return copy_in(debugger, target, what, 0, data, sizeof(user_regs_struct));
    case kGetFpRegs: return copy_out(debugger, target, what, 0, data, sizeof(user_fpregs_struct));
    case kSetFpRegs: return copy_in(debugger, target, what, 0, data, sizeof(user_fpregs_struct));
    case kGetThreadArea: return copy_out(debugger, target, what, address, data, kThreadAreaBytes);
    case kSetThreadArea: return copy_in(debugger, target, what, address, data, kThreadAreaBytes);
    case kArchPrctl: return thread_base(debugger, target, address, data);
    case kSysEmu: return resume(target, Resume::Emulate, data);
    case kSysEmuSingleStep: return resume(target, Resume::EmulateStep, data);
    case kSingleBlock: return resume(target, Resume::StepBlock, data);
    default: return -EIO;
  }
}

// arch_prctl(2) of the target. Where it asks, the answer goes to `address` in the debugger's memory.
int64_t NestedTracing::thread_base(Task& debugger, Task& target, uint64_t address, uint64_t which) {
  const bool asks = which == kGetFs || which == kGetGs;
  uint64_t word = 0;
  const uint64_t at = asks ? reinterpret_cast<uint64_t>(&word) : address;
  const Result<long> done = ptrace_request(kArchPrctl, target.tid, at, reinterpret_cast<void*>(which));
  if (!done) return -done.error().get();
  if (!asks) return *done;
  return debugger.memory.write(address, &word, sizeof word) == sizeof word ? 0 : -EFAULT;
}

}  // namespace vedette
