// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdint>

#include "capture/kernel/one_call.h"

__asm__(
    ".text\n .globl vedette_call, vedette_call_at, vedette_call_end\n"
    ".type vedette_call, %function\n"
    "vedette_call:\n .cfi_startproc\n"
    " mov x8, x0\n mov x0, x1\n mov x1, x2\n mov x2, x3\n mov x3, x4\n"
    "vedette_call_at:\n svc #0\n"
    "vedette_call_end:\n ret\n .cfi_endproc\n .size vedette_call, .-vedette_call\n");

namespace vedette {

void leave_call(mcontext_t& context) {
  if (context.pc != reinterpret_cast<uint64_t>(vedette_call_at)) return;
  context.pc = reinterpret_cast<uint64_t>(vedette_call_end);
  context.regs[0] = static_cast<uint64_t>(-EINTR);
}

}  // namespace vedette
