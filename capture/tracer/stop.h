// SPDX-License-Identifier: Apache-2.0
// Why a task stopped, by name. Everything the loop does hangs off this list; the kernel's encoding of it is
// WaitStatus's.
#pragma once

#include <cstdint>

#include "capture/kernel/ptrace.h"
#include "capture/kernel/wait_status.h"

namespace vedette {

// What a task that we attach shall stop for; PTRACE_O_EXITKILL stands apart: it must be given to whatever has
// our filter.
inline constexpr unsigned long kStopOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
                                              PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                              PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;

enum class Stop : uint8_t {
  Ended,      // exited or killed: the task is gone
  Called,     // the filter stopped it before a call of the capture set
  Returned,   // the call it was let into has returned
  Forked,     // fork, vfork or clone made a child, still inside that call
  Unborrowed, // a vfork child is done with its parent's memory; only a debugger of ours wants to know
  Execed,     // exec has succeeded, the new image has not run yet
  Exiting,    // it is about to end; its registers, memory and descriptors can still be read
  Attached,   // a new task's first stop, or one that we asked for
  Halted,     // it stopped together with its group (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU)
  Signalled,  // a signal is about to be delivered
};

Stop name_stop(WaitStatus status);

}  // namespace vedette
