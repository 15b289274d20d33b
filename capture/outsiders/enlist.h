// SPDX-License-Identifier: Apache-2.0
// Gives a stranger's process (strangers.h) the filter that the workload has. Until then ptrace stops it at
// every call, twice, whatever the call: complete but slow. From then on it is watched like any process,
// inline tier included from its next program on, and its children inherit that. The filter cannot be taken
// back, and without us its calls would be answered ENOSYS for ever, so such a process ends when we do; one
// that is still stopped call by call is let go unharmed.
//
//   at a call's return - map a page - write the program there - seccomp(TSYNC) - unmap
//
// The process makes these calls itself (inject.h). Not asked of one that has filters of its own beside the
// container's: they might kill it for a call it never makes. no_new_privs is set where the kernel wants it
// and the workload has it too.
#pragma once

#include "capture/tracer/context.h"

namespace vedette {

// `at`: the stop at a call's return, and not one to be restarted. Tried once an image.
void enlist(Context& context, Task& task, const SyscallInfo& at);

}  // namespace vedette
