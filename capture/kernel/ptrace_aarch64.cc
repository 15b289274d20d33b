// SPDX-License-Identifier: Apache-2.0
// The registers of a stopped task on arm64: two sets, of which the second is the number of its call alone.
#include <elf.h>
#include <sys/uio.h>

#include "capture/kernel/ptrace.h"

namespace vedette {
namespace {

constexpr uint64_t kSystemCallSet = 0x404;  // NT_ARM_SYSTEM_CALL

}  // namespace

Result<Registers> ptrace_registers(Tid tid) {
  Registers registers;
  iovec part{&registers.raw, sizeof registers.raw};
  if (const Result<long> got = ptrace_request(PTRACE_GETREGSET, tid, NT_PRSTATUS, &part); !got) return got.error();
  int number = -1;
  iovec call{&number, sizeof number};
  if (const Result<long> got = ptrace_request(PTRACE_GETREGSET, tid, kSystemCallSet, &call); !got) return got.error();
  registers.call_number = static_cast<uint64_t>(static_cast<int64_t>(number));
  return registers;
}

Result<void> ptrace_set_registers(Tid tid, const Registers& registers) {
  iovec part{const_cast<user_regs_struct*>(&registers.raw), sizeof registers.raw};
  if (const Result<long> set = ptrace_request(PTRACE_SETREGSET, tid, NT_PRSTATUS, &part); !set) return set.error();
  int number = static_cast<int>(registers.call_number);
  iovec call{&number, sizeof number};
  const Result<long> set = ptrace_request(PTRACE_SETREGSET, tid, kSystemCallSet, &call);
  return set ? Result<void>() : set.error();
}

// No ring yet, and so nothing that leads to one.
Result<uint64_t> ptrace_thread_context(Tid) { return Errno(ENOSYS); }
Result<void> ptrace_set_thread_context(Tid, uint64_t) { return Errno(ENOSYS); }

}  // namespace vedette
