// SPDX-License-Identifier: Apache-2.0
// A call of our own that must not last. Some sleep for as long as another process wants, and a signal alone
// does not end them: PTRACE_SEIZE waits for a mutex that an exec holds (cred_guard_mutex), answers
// ERESTARTNOINTR when a signal comes, and is made again as soon as the handler is over. So the handler of a
// timer's signal looks where the thread stands, and moves it behind the instruction:
//
//   at:   syscall      the kernel sets the thread back to here, to make the call again
//   end:  ret          the handler has it go on here, with -EINTR
//
// Of calls that leave nothing half done when a signal ends them.
#pragma once

#include <cstdint>

#include "capture/kernel/result.h"

namespace vedette {

// The call's answer, or EINTR when it has lasted for `most_ns`. From one thread of the process only, the
// tracer's.
Result<long> call_within(uint64_t most_ns, long nr, long a, long b, long c, long d);

}  // namespace vedette
