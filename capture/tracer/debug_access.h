// SPDX-License-Identifier: Apache-2.0
// Who may trace whom: the kernel's rule (__ptrace_may_access in kernel/ptrace.c, and Yama's where it is in
// force), asked of /proc, because the kernel itself only says that a task has a tracer already.
#pragma once

#include "capture/kernel/tid.h"

namespace vedette {

Tid parent_of(Tid tid);

// Neither is of the other's process.
bool may_debug(Tid debugger, Tid target);

}  // namespace vedette
