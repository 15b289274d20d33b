// SPDX-License-Identifier: Apache-2.0
// What there is above the trace tier. Built from tiers_ARCH.cc: an architecture without an inline tier has
// none of its sources.
#pragma once

#include <memory>

#include "capture/agent/options.h"
#include "capture/kernel/clock.h"
#include "capture/tracer/hooks.h"

namespace vedette {

// nullptr: switched off, or not possible on this machine.
std::unique_ptr<Hooks> make_inline_tier(const Options& options, const Clock& clock);
// Whether a program can set, without a call, the register that leads to its ring.
bool has_fsgsbase();

}  // namespace vedette
