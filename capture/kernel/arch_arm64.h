// SPDX-License-Identifier: Apache-2.0
// arm64: a call's number stands in x8 and, for a tracer, in the separate register set NT_ARM_SYSTEM_CALL; x0 is both the
// first argument and the result; `svc #0` is four bytes long. 32-bit calls are another AUDIT_ARCH and are refused.
#pragma once

#include <linux/audit.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>

namespace vedette {

inline constexpr uint32_t kAuditNative = AUDIT_ARCH_AARCH64;
inline constexpr uint32_t kAuditForeign = AUDIT_ARCH_ARM;
inline constexpr uint32_t kForeignNumberBit = 0;
inline constexpr unsigned kSyscallBytes = 4;

struct Registers {
  user_regs_struct raw;
  uint64_t call_number = ~0ull;  // NT_ARM_SYSTEM_CALL

  uint64_t ip() const { return raw.pc; }
  uint64_t sp() const { return raw.sp; }
  uint64_t number() const { return call_number; }
  int64_t result() const { return static_cast<int64_t>(raw.regs[0]); }

  void set_ip(uint64_t ip) { raw.pc = ip; }
  void set_number(uint64_t nr) { call_number = nr; }
  void set_result(int64_t value) { raw.regs[0] = static_cast<unsigned long long>(value); }
  uint64_t argument(unsigned i) const { return raw.regs[i]; }
  void set_argument(unsigned i, uint64_t value) { raw.regs[i] = value; }
  void set_argument_32(unsigned i, uint32_t value) { raw.regs[i] = value; }
  void stage_call(uint64_t at, uint64_t nr) {
    raw.pc = at;
    raw.regs[8] = nr;
    call_number = ~0ull;
  }
};

// x2 points to the ucontext at a handler's first instruction; its mcontext lies 176 bytes in: fault address, x0 ...
struct SavedResult {
  uint64_t address;
  unsigned width;
};
inline SavedResult saved_result(const Registers& at_handler) { return {at_handler.raw.regs[2] + 176 + 8, 8}; }

}  // namespace vedette
