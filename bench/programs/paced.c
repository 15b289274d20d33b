// SPDX-License-Identifier: Apache-2.0
//
// paced RATE SECONDS: reads 64 bytes of /dev/zero RATE times a second, in steps of 2 ms, and prints how many
// reads it made.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { kStepNs = 2000000, kSecondNs = 1000000000 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (long long)time.tv_sec * kSecondNs + time.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const double per_ns = atof(argv[1]) / kSecondNs;
  const long long start = now(), end = start + atoll(argv[2]) * kSecondNs;
  long long made = 0;
  char bytes[64];
  int fd = open("/dev/zero", O_RDONLY);
  if (fd < 0) return 1;
  for (long long time = start; time < end; time = now()) {
    while (made < (long long)((time - start) * per_ns)) {
      if (read(fd, bytes, sizeof bytes) != sizeof bytes) return 1;
      made++;
    }
    const struct timespec step = {0, kStepNs};
    nanosleep(&step, NULL);
  }
  printf("%lld\n", made);
  return 0;
}
