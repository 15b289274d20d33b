// SPDX-License-Identifier: Apache-2.0
// The host's own process, against programs of its user that share its processes.
#pragma once

#include <span>

namespace vedette::addon {

// Closes our memory and environment below /proc to them (proc(5), PR_SET_DUMPABLE), and ends by none of the
// signals that the kernel sends in their name, by F_SETOWN for instance, where nobody can refuse it. Not the
// files of a process 1: what a container's programs write to its fd/1 is the container's log.
void shut_own_process();

// Signals that are ignored since then, and were not before.
std::span<const int> deaf_to();

}  // namespace vedette::addon
