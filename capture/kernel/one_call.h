// SPDX-License-Identifier: Apache-2.0
// A system call by an instruction whose place we know, so that a signal's handler can take the thread out of
// it (deadline.h). The processor's.
#pragma once

#include <ucontext.h>

extern "C" long vedette_call(long nr, long a, long b, long c, long d);
// Labels of the instruction, and behind it.
extern "C" const char vedette_call_at[], vedette_call_end[];

namespace vedette {

// Where the kernel would make the call again, it has answered EINTR.
void leave_call(mcontext_t& context);

}  // namespace vedette
