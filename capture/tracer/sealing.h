// SPDX-License-Identifier: Apache-2.0
// Getting the sealed memory (sealed.h) into a process, which must attach it itself: by a call of ours in
// place of the one at hand, which the process makes again afterwards.
#pragma once

#include "capture/tracer/context.h"

namespace vedette {

// True: the call was put off, and will be made again: then the memory is attached, or known not to be
// attachable. False: it cannot be attached to this process, or a seccomp filter of the process's own stands
// in the way (own_filters.h).
bool attach_sealed(Context& context, Task& task, const PendingCall& call);

// After this call no memory can be attached any more: a filter of the program's own, or another IPC
// namespace.
bool shuts_out(const Event& event);

}  // namespace vedette
