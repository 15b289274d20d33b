// SPDX-License-Identifier: Apache-2.0
// The calls that a program in the jail may make, as a filter for the kernel.
#pragma once
#include <linux/filter.h>
#include <sys/types.h>

#include <vector>

namespace vedette::jail {

/// `self`: the process that installs it; it may send signals to itself alone.
std::vector<sock_filter> filter(pid_t self);

}  // namespace vedette::jail
