// SPDX-License-Identifier: Apache-2.0
// Reads what the container uses: what its control group says, how many descriptors and threads its processes
// have, and what waits at its sockets. To be made before the workload runs. Read in the uplink's thread, in
// bounded time.
#pragma once

#include "capture/agent/cgroup_files.h"
#include "capture/agent/listeners.h"
#include "capture/agent/usage.h"

namespace vedette {

class UsageReader {
 public:
  Usage read() const;

 private:
  CgroupFiles cgroup_;
  Listeners listeners_;
};

}  // namespace vedette
