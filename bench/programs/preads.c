// SPDX-License-Identifier: Apache-2.0
//
// Reads the same 4 KiB from the page cache N times and prints the nanoseconds that one read took, by its own
// clock.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

int main(int argc, char** argv) {
  static char buffer[4096];
  long count = argc > 1 ? atol(argv[1]) : 0;
  int fd = open(argv[0], O_RDONLY);
  if (count <= 0 || fd < 0 || pread(fd, buffer, sizeof buffer, 0) != sizeof buffer) return 1;
  long start = now_ns();
  for (long i = 0; i < count; i++) {
    if (pread(fd, buffer, sizeof buffer, 0) != sizeof buffer) return 1;
  }
  printf("%.1f\n", (double)(now_ns() - start) / count);
}
