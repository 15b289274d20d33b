// SPDX-License-Identifier: Apache-2.0
// x86-64: a call's number stands in orig_rax, which is -1 when the task is in none; its result in rax;
// `syscall` is two bytes long. Arguments go in rdi rsi rdx r10 r8 r9. Through `int 0x80` the kernel hands us
// the same struct with the 32-bit registers in it, so a change to an i386 call goes to rbx rcx rdx rsi rdi
// rbp instead.
#pragma once

#include <errno.h>
#include <linux/audit.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace vedette {

inline constexpr uint32_t kAuditNative = AUDIT_ARCH_X86_64;
inline constexpr uint32_t kAuditForeign = AUDIT_ARCH_I386;
inline constexpr uint32_t kForeignNumberBit = 0x40000000;   // __X32_SYSCALL_BIT
inline constexpr unsigned kSyscallBytes = 2;
inline constexpr uint8_t kSyscallCode[kSyscallBytes] = {0x0f, 0x05};
// signal(7), on stop signals. The result is looked at when the stop is over (arch_do_signal_or_restart).
inline constexpr std::array<EndedByStops, 7> kEndedByStops = {{
    {SYS_epoll_wait, Timeout::Milliseconds, 3},
    {SYS_epoll_pwait, Timeout::Milliseconds, 3},
    {SYS_epoll_pwait2, Timeout::Pointer, 3},
    {SYS_semop, Timeout::None, 0},
    {SYS_semtimedop, Timeout::Pointer, 3},
    {SYS_rt_sigtimedwait, Timeout::Pointer, 2},
    {SYS_io_getevents, Timeout::Pointer, 4},
}};
inline constexpr uint64_t kTrapFlag = 0x100;  // in eflags: a SIGTRAP after every instruction

struct Registers {
  user_regs_struct raw;

  uint64_t ip() const { return raw.rip; }
  uint64_t sp() const { return raw.rsp; }
  uint64_t number() const { return raw.orig_rax; }
  int64_t result() const { return static_cast<int64_t>(raw.rax); }

  // The result register starts out as -ENOSYS in a call that can be traced.
  bool has_returned(uint64_t /*call_ip*/) const { return number() != ~0ull && result() != -ENOSYS; }
  // Runs 64-bit code.
  bool is_native() const {
    constexpr uint64_t kCode32 = 0x23;
    return raw.cs != kCode32;
  }

  void set_ip(uint64_t ip) { raw.rip = ip; }
  // In a stop before the call ran: what to run instead; -1 runs nothing and returns what set_result says.
  void set_number(uint64_t nr) { raw.orig_rax = nr; }
  void set_result(int64_t value) { raw.rax = static_cast<unsigned long long>(value); }
  void set_result_32(int32_t value) { set_result(value); }
  uint64_t argument(unsigned i) const { return const_cast<Registers*>(this)->slot(i); }
  void set_argument(unsigned i, uint64_t value) { slot(i) = value; }
  // Argument `i` of a call made by the 32-bit convention.
  void set_argument_32(unsigned i, uint32_t value) {
    decltype(raw.rbx)* const slots[] = {&raw.rbx, &raw.rcx, &raw.rdx, &raw.rsi, &raw.rdi, &raw.rbp};
    *slots[i] = value;
  }
  // The argument registers of a call as they were before we changed some.
  void restore_arguments(const Registers& before, bool is_32) {
    if (!is_32) {
      for (unsigned i = 0; i < 6; ++i) slot(i) = before.argument(i);
      return;
    }
    raw.rbx = before.raw.rbx;
    raw.rcx = before.raw.rcx;
    raw.rdx = before.raw.rdx;
    raw.rsi = before.raw.rsi;
    raw.rdi = before.raw.rdi;
    raw.rbp = before.raw.rbp;
  }
  // Makes the task issue a call of ours from the syscall instruction at `ip`, as if it stood just before it.
  void stage_call(uint64_t at, uint64_t nr) {
    raw.rip = at;
    raw.rax = nr;
    raw.orig_rax = ~0ull;  // in no call: the kernel must not rewind for a restart
  }

 private:
  decltype(raw.rdi)& slot(unsigned i) {
    decltype(raw.rdi)* const slots[] = {&raw.rdi, &raw.rsi, &raw.rdx, &raw.r10, &raw.r8, &raw.r9};
    return *slots[i];
  }
};

// Where the kernel's signal frame keeps the result register that the program will find after its handler;
// asked at the handler's first instruction, where rdx points to the ucontext (with or without SA_SIGINFO) and
// the mcontext begins 40 bytes in: r8..r15 rdi rsi rbp rbx rdx rax. In 32-bit code: gs fs es ds di si bp sp
// bx dx cx ax, 4 bytes each, behind the 20-byte head of the ucontext in ecx, or without SA_SIGINFO (ecx is 0
// then) behind return address and signal number.
struct SavedResult {
  uint64_t address;
  unsigned width;
};
// In the frame that a handler returns by, where sp points at its rt_sigreturn: to the ucontext, on x86-64.
// Addresses of the result register and of the instruction pointer that the program goes on with.
struct SavedCall {
  uint64_t result, ip;
};
inline SavedCall saved_call(uint64_t sp) { return {sp + 40 + 13 * 8, sp + 40 + 16 * 8}; }
inline SavedResult saved_result(const Registers& at_handler) {
  constexpr uint64_t kCode32 = 0x23;
  const auto& raw = at_handler.raw;
  if (raw.cs != kCode32) return {raw.rdx + 40 + 13 * 8, 8};
  const uint64_t context = raw.rcx != 0 ? raw.rcx + 20 : raw.rsp + 8;
  return {context + 11 * 4, 4};
}

}  // namespace vedette
