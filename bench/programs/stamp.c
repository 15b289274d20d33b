// SPDX-License-Identifier: Apache-2.0
//
// stamp [PROGRAM ARGUMENT...]: prints the monotonic clock in ns, and becomes the program.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  printf("%lld\n", (long long)time.tv_sec * 1000000000 + time.tv_nsec);
  fflush(stdout);
  if (argc < 2) return 0;
  execv(argv[1], argv + 1);
  return 1;
}
