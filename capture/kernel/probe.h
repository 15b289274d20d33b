// SPDX-License-Identifier: Apache-2.0
// Tries what the product needs, each in a child of its own that ends with the try, and reports the kernel's
// word: 0 or an errno. Whether something is forbidden by a seccomp profile, a capability, Yama or the
// kernel's age does not matter here; only trying tells.
#pragma once

#include <cstdint>

namespace vedette {

struct Probes {
  int ptrace = 0;              // seize a child with all our options
  int listener = 0;            // a filter with a listener
  int process_vm_readv = 0;    // read a child's memory
  int proc_mem = 0;            // write a child's read-only memory through /proc/PID/mem
  int memfd = 0;
  int io_uring = 0;            // io_uring_setup, as the workload would
  int gs_base = 0;             // set a stopped child's GS base
  int user_dispatch = 0;
};

Probes run_probes();

}  // namespace vedette
