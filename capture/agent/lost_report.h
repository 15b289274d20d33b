// SPDX-License-Identifier: Apache-2.0
// Loss is never silent. While the host is there, every batch carries the counters. When events could not be
// delivered and nobody is left to read that, it is said once, after the workload has ended: in the file the
// user named, or else in one line on stderr, the only place left; a workload whose every event arrived finds
// its stderr untouched.
#pragma once

#include <string>

#include "capture/agent/spool.h"

namespace vedette {

// Never waits: a reader of stderr that has no room misses it.
void report_host_gone();
// `refusal`: why the host refuses us; empty where it does not.
void report_lost(const LostCounters& lost, const std::string& path, const std::string& refusal);

}  // namespace vedette
