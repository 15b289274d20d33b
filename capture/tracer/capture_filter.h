// SPDX-License-Identifier: Apache-2.0
// The filter of the capture set: decode's table turned into seccomp rules, so that a call stops exactly when
// it can be decoded. A row that counts only for some arguments (mmap with PROT_EXEC) becomes a condition in
// the filter.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "capture/kernel/filter.h"
#include "capture/tracer/hooks.h"
#include "capture/tracer/sealed.h"

namespace vedette {

std::vector<FilterRule> capture_rules();
// With what the other tiers and prevention want of it.
std::vector<sock_filter> capture_filter(const Hooks& hooks, const SealedMemory& sealed);

}  // namespace vedette
