// SPDX-License-Identifier: Apache-2.0
// The agent's segment: the null context, the table and the code, as every watched process gets it at
// VEDETTE_AGENT_BASE. Built once a run, attached read-only by all.
#pragma once

#include <cstdint>

#include "capture/inline/calls.h"
#include "capture/inline/ring.h"

namespace vedette {

// Not open where the kernel has no System V memory.
Segment make_agent_segment(uint32_t snaplen, Integrity integrity);

}  // namespace vedette
