// SPDX-License-Identifier: Apache-2.0
// The filter of the capture set: decode's table turned into seccomp rules, so that a call stops exactly when it can be
// decoded. A row that counts only for some arguments (mmap with PROT_EXEC) becomes a condition in the filter.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "capture/kernel/filter.h"
#include "capture/tracer/inline_calls.h"

namespace vedette {

std::vector<FilterRule> capture_rules();
// `inlined`: with the gates and guards of the inline tier (inline_filter.h).
std::vector<sock_filter> capture_filter(bool inlined, Integrity integrity);

}  // namespace vedette
