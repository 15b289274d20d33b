// SPDX-License-Identifier: Apache-2.0
// Putting a filter into force. With a listener, even though our program never notifies: a task tree can have
// only one, so that a filter of the workload's own cannot hide calls from us behind USER_NOTIF + CONTINUE (it
// gets EBUSY). Without SPEC_ALLOW kernels before 5.16 would switch on costly speculation defences for the
// workload.
#pragma once

#include <linux/filter.h>

#include <span>

#include "capture/kernel/result.h"

namespace vedette {

struct InstalledFilter {
  int listener;               // must stay open as long as the workload lives
  bool set_no_new_privs;      // only where the kernel insists (no CAP_SYS_ADMIN): it takes setuid's effect away
};

// Called in the child, between fork and exec: nothing is allocated, and no call is made once the filter is in
// force.
Result<InstalledFilter> install_filter(std::span<const sock_filter> program, bool wait_killable);

}  // namespace vedette
