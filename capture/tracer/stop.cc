// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/stop.h"

namespace vedette {

Stop name_stop(WaitStatus status) {
  if (status.is_over()) return Stop::Ended;
  if (status.is_syscall_stop()) return Stop::Returned;
  switch (status.event()) {
    case PTRACE_EVENT_SECCOMP: return Stop::Called;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: return Stop::Forked;
    case PTRACE_EVENT_VFORK_DONE: return Stop::Unborrowed;
    case PTRACE_EVENT_EXEC: return Stop::Execed;
    case PTRACE_EVENT_EXIT: return Stop::Exiting;
    case PTRACE_EVENT_STOP: return status.is_group_stop() ? Stop::Halted : Stop::Attached;
    default: return Stop::Signalled;
  }
}

}  // namespace vedette
