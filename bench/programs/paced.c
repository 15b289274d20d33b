// SPDX-License-Identifier: Apache-2.0
//
// paced RATE SECONDS [open | also N]: reads 64 bytes of /dev/zero RATE times a second, in steps of 2 ms, and
// prints how many reads it made; with `open` it opens and closes /dev/zero instead, which are two calls; with
// `also N` it does so N times a second besides, and counts it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kStepNs = 2000000, kSecondNs = 1000000000 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (long long)time.tv_sec * kSecondNs + time.tv_nsec;
}

static int made_by(int fd, int opens) {
  char bytes[64];
  if (!opens) return read(fd, bytes, sizeof bytes) == sizeof bytes ? 1 : -1;
  int other = open("/dev/zero", O_RDONLY);
  return other >= 0 && close(other) == 0 ? 2 : -1;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int opens = argc > 3 && strcmp(argv[3], "open") == 0;
  const double per_ns = atof(argv[1]) / kSecondNs;
  const double also_per_ns = argc > 4 && strcmp(argv[3], "also") == 0 ? atof(argv[4]) / kSecondNs : 0;
  const long long start = now(), end = start + atoll(argv[2]) * kSecondNs;
  long long made = 0, also = 0;
  int fd = open("/dev/zero", O_RDONLY);
  if (fd < 0) return 1;
  for (long long time = start; time < end; time = now()) {
    while (made < (long long)((time - start) * per_ns)) {
      const int calls = made_by(fd, opens);
      if (calls < 0) return 1;
      made += calls;
    }
    for (; also < (long long)((time - start) * also_per_ns); also++)
      if (made_by(fd, 1) < 0) return 1;
    const struct timespec step = {0, kStepNs};
    nanosleep(&step, NULL);
  }
  printf("%lld\n", made + 2 * also);
  return 0;
}
