// SPDX-License-Identifier: Apache-2.0
// Signals that ask the workload to do something reach it through the agent. What the terminal sends (Ctrl-C)
// it sends to the whole foreground group, the workload included: passing it on would deliver it twice. Node's
// handlers cannot tell the two apart, so this one asks the kernel (si_code). The handler also keeps the host
// alive until the agent has delivered its end. A signal's disposition belongs to the process, so this is the
// one state here that is not an object's.
#pragma once

#include <sys/types.h>

namespace vedette::addon {

// From here on the signals go to `agent`. One agent at a time; false when there is one already.
bool forward_signals_to(pid_t agent);

// The agent is gone: the dispositions are as they were.
void stop_forwarding();

}  // namespace vedette::addon
