// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdint>

#include "capture/kernel/one_call.h"

__asm__(
    ".text\n .globl vedette_call, vedette_call_at, vedette_call_end\n"
    ".type vedette_call, @function\n"
    "vedette_call:\n .cfi_startproc\n"
    " mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n mov %r8, %r10\n"
    "vedette_call_at:\n syscall\n"
    "vedette_call_end:\n ret\n .cfi_endproc\n .size vedette_call, .-vedette_call\n");

namespace vedette {

void leave_call(mcontext_t& context) {
  if (context.gregs[REG_RIP] != reinterpret_cast<greg_t>(vedette_call_at)) return;
  context.gregs[REG_RIP] = reinterpret_cast<greg_t>(vedette_call_end);
  context.gregs[REG_RAX] = -EINTR;
}

}  // namespace vedette
