// SPDX-License-Identifier: Apache-2.0
// Programs that want no calls of ours any more: their own seccomp filter might answer them, with death, or
// the segments go by other numbers (another IPC namespace). What is attached stays in use; nothing more is
// attached, and no open is followed by a question of ours.
#pragma once

#include "capture/inline/task.h"
#include "capture/tracer/context.h"

namespace vedette {

// The calls that close: one installs a seccomp filter, one leaves the namespace.
bool installs_filter(const SyscallInfo& at);
bool leaves_ipc_namespace(const SyscallInfo& at);
// A filter that looks at the instruction pointer would meet our gates instead of the program's own code.
bool tests_ip(Task& task, uint64_t program_address);

// A call that installs a filter is about to be made: closes this thread, or with SECCOMP_FILTER_FLAG_TSYNC
// its whole process.
void close_for_filter(Context& context, Task& task, const SyscallInfo& at);

}  // namespace vedette
