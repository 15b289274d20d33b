// SPDX-License-Identifier: Apache-2.0
// What this kernel has, probed once and never assumed: distributions backport, containers forbid. Fargate is
// known to run 5.10. VEDETTE_ASSUME_KERNEL=5.10 hides whatever came later, so that tests walk the paths of
// the old kernel on a new one; it can only take away.
#pragma once

#include <compare>

namespace vedette {

struct KernelVersion {
  int major = 0;
  int minor = 0;
  constexpr auto operator<=>(const KernelVersion&) const = default;
};

struct Features {
  KernelVersion running;           // what uname says
  KernelVersion assumed;           // the lower of it and VEDETTE_ASSUME_KERNEL
  bool listener = false;           // seccomp NEW_LISTENER (5.0)
  bool notify_continue = false;    // USER_NOTIF_FLAG_CONTINUE (5.5)
  bool bitmap_cache = false;       // allowed numbers cost nothing (5.11)
  bool user_dispatch = false;      // PR_SET_SYSCALL_USER_DISPATCH (5.11)
  bool addfd_send = false;         // SECCOMP_ADDFD_FLAG_SEND (5.14)
  bool wait_killable = false;      // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19)
  bool maps_query = false;  // PROCMAP_QUERY, Linux 6.11
  bool sync_wake_up = false;       // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (6.6)
  bool syscall_info = false;       // PTRACE_GET_SYSCALL_INFO (5.3)
};

const Features& features();

// "5.10", "6.1.0-56-cloud-amd64": zeros where it cannot be read.
KernelVersion parse_kernel_version(const char* text);

}  // namespace vedette
