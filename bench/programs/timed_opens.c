// SPDX-License-Identifier: Apache-2.0
//
// timed_opens COUNT LOAD FOLDER: makes COUNT pairs of calls, some 10 ms apart, that name the time at which
// they are made (CLOCK_MONOTONIC, in ns): an open of FOLDER/opened/TIME and an unlink of
// FOLDER/unlinked/TIME. Neither is there. Beside them its children read 64 bytes of /dev/zero: LOAD times a
// second, in steps of 2 ms; 0: there is none; max: one child a processor, as fast as it goes.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kStepNs = 2000000, kSecondNs = 1000000000, kChildrenMax = 64, kPauseNsMin = 7000000, kPauseNsMore = 6000000 };

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (long long)time.tv_sec * kSecondNs + time.tv_nsec;
}

static void pause_for(long ns) {
  const struct timespec step = {0, ns};
  nanosleep(&step, NULL);
}

static void load(double per_second) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int fd = open("/dev/zero", O_RDONLY);
  const long long start = now();
  char bytes[64];
  for (long long made = 0;;) {
    const double due = per_second < 0 ? made + 1 : (now() - start) * per_second / kSecondNs;
    for (; made < due; made++)
      if (read(fd, bytes, sizeof bytes) != sizeof bytes) _exit(1);
    if (per_second >= 0) pause_for(kStepNs);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int is_full = strcmp(argv[2], "max") == 0;
  const double per_second = is_full ? -1 : atof(argv[2]);
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const long children = per_second == 0 ? 0 : is_full ? (processors < kChildrenMax ? processors : kChildrenMax) : 1;
  pid_t pids[kChildrenMax];
  for (long i = 0; i < children; i++)
    if ((pids[i] = fork()) == 0) load(per_second);
  char path[512];
  for (long i = 0; i < atol(argv[1]); i++) {
    pause_for(kPauseNsMin + rand() % kPauseNsMore);
    snprintf(path, sizeof path, "%s/opened/%lld", argv[3], now());
    if (open(path, O_RDONLY) >= 0) return 1;
    snprintf(path, sizeof path, "%s/unlinked/%lld", argv[3], now());
    if (unlink(path) == 0) return 1;
  }
  for (long i = 0; i < children; i++) kill(pids[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  return 0;
}
