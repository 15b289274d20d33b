// SPDX-License-Identifier: Apache-2.0
// The registers of a stopped task on x86-64. The number of its call is one of them (orig_rax), and so is its
// thread context: where GS points, by which the stubs find the thread's ring.
#include <elf.h>
#include <sys/uio.h>

#include <cstddef>

#include "capture/kernel/kept.h"
#include "capture/kernel/ptrace.h"

namespace vedette {

Result<Registers> ptrace_registers(Tid tid) {
  if (kept_registers && kept_registers->tid == tid) return kept_registers->registers;
  Registers registers;
  iovec part{&registers.raw, sizeof registers.raw};
  const Result<long> got = ptrace_request(PTRACE_GETREGSET, tid, NT_PRSTATUS, &part);
  if (!got) return got.error();
  kept_registers = {tid, registers};
  return registers;
}

Result<void> ptrace_set_registers(Tid tid, const Registers& registers) {
  iovec part{const_cast<user_regs_struct*>(&registers.raw), sizeof registers.raw};
  const Result<long> done = ptrace_request(PTRACE_SETREGSET, tid, NT_PRSTATUS, &part);
  return done ? Result<void>() : done.error();
}

Result<void> ptrace_set_ip(Tid tid, uint64_t ip) {
  const Result<long> done = ptrace_request(PTRACE_POKEUSER, tid, offsetof(user_regs_struct, rip), reinterpret_cast<void*>(ip));
  return done ? Result<void>() : done.error();
}

Result<uint64_t> ptrace_thread_context(Tid tid) {
  uint64_t word = 0;
  const Result<long> got = ptrace_request(PTRACE_PEEKUSER, tid, offsetof(user_regs_struct, gs_base), &word);
  if (!got) return got.error();
  return word;
}

Result<void> ptrace_set_thread_context(Tid tid, uint64_t value) {
  const Result<long> done =
      ptrace_request(PTRACE_POKEUSER, tid, offsetof(user_regs_struct, gs_base), reinterpret_cast<void*>(value));
  return done ? Result<void>() : done.error();
}

}  // namespace vedette
