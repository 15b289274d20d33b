// SPDX-License-Identifier: Apache-2.0
// The calls that a program in the jail may make, as a filter for the kernel.
#pragma once
#include <linux/filter.h>
#include <sys/types.h>

#include <optional>
#include <span>
#include <vector>

namespace vedette::jail {

/// `self`: the process that installs it; it may send signals to itself alone.
std::vector<sock_filter> filter(pid_t self);

/// Calls that only older processors have, besides those that every processor has; all of them are allowed.
std::span<const int> older_calls();
/// open(2), where there is not openat(2) alone.
std::optional<int> older_open();

}  // namespace vedette::jail
