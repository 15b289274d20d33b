// SPDX-License-Identifier: Apache-2.0
// arm64: a call's number stands in x8 and, for a tracer, in the separate register set NT_ARM_SYSTEM_CALL; x0
// is both the first argument and the result; `svc #0` is four bytes long. 32-bit calls are another
// AUDIT_ARCH, have no table, and are refused.
#pragma once

#include <linux/audit.h>
#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace vedette {

inline constexpr uint32_t kAuditNative = AUDIT_ARCH_AARCH64;
inline constexpr uint32_t kAuditForeign = AUDIT_ARCH_ARM;
inline constexpr uint32_t kForeignNumberBit = 0;
inline constexpr unsigned kSyscallBytes = 4;
inline constexpr uint8_t kSyscallCode[kSyscallBytes] = {0x01, 0x00, 0x00, 0xd4};
inline constexpr std::array<EndedByStops, 0> kEndedByStops = {};  // none: this kernel looks at the result before it stops (do_signal)

struct Registers {
  user_regs_struct raw;
  uint64_t call_number = ~0ull;  // NT_ARM_SYSTEM_CALL

  uint64_t ip() const { return raw.pc; }
  uint64_t sp() const { return raw.sp; }
  uint64_t number() const { return call_number; }
  int64_t result() const { return static_cast<int64_t>(raw.regs[0]); }

  // Before it looks for the signal that ends the task, the kernel forgets the number of a call that has
  // returned, and rewinds ip to the `svc` of one that it would make again.
  bool has_returned(uint64_t call_ip) const { return call_number == ~0ull && raw.pc == call_ip; }
  bool is_native() const {
    constexpr uint64_t kMode32 = 0x10;  // PSR_MODE32_BIT
    return (raw.pstate & kMode32) == 0;
  }

  void set_ip(uint64_t ip) { raw.pc = ip; }
  void set_number(uint64_t nr) { call_number = nr; }
  void set_result(int64_t value) { raw.regs[0] = static_cast<unsigned long long>(value); }
  // In a 32-bit program the struct holds its registers, 4 bytes each, in the place of ours.
  void set_result_32(int32_t value) { raw.regs[0] = (raw.regs[0] >> 32 << 32) | static_cast<uint32_t>(value); }
  uint64_t argument(unsigned i) const { return raw.regs[i]; }
  void set_argument(unsigned i, uint64_t value) { raw.regs[i] = value; }
  void set_argument_32(unsigned i, uint32_t value) { raw.regs[i] = value; }
  // x0 holds the result by then.
  void restore_arguments(const Registers& before, bool) {
    for (unsigned i = 1; i < 6; ++i) raw.regs[i] = before.raw.regs[i];
  }
  void stage_call(uint64_t at, uint64_t nr) {
    raw.pc = at;
    raw.regs[8] = nr;
    call_number = ~0ull;
  }
};

// At a handler's first instruction sp points to the frame: a siginfo, then the ucontext, whose mcontext lies
// 176 bytes in: fault address, x0 ... (x2 points there only under SA_SIGINFO.)
struct SavedResult {
  uint64_t address;
  unsigned width;
};
// In the frame that a handler returns by, where sp points at its rt_sigreturn: to the siginfo in front.
// Addresses of the result register and of the instruction pointer that the program goes on with.
struct SavedCall {
  uint64_t result, ip;
};
inline SavedCall saved_call(uint64_t sp) { return {sp + 128 + 176 + 8, sp + 128 + 176 + 264}; }
inline SavedResult saved_result(const Registers& at_handler) { return {at_handler.raw.sp + 128 + 176 + 8, 8}; }

}  // namespace vedette
