// SPDX-License-Identifier: Apache-2.0
// What the eBPF side sends for each call: the fields of one of our inline records.
#pragma once

#define SNAPLEN 80
#define PATH_SIZE 256

struct record {
  unsigned long long enter_ns, exit_ns;
  long long result;
  unsigned long long args[6];
  unsigned int tid, nr, size, reserved;
  char payload[PATH_SIZE];  // `size` bytes of it count
};
