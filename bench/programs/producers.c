// SPDX-License-Identifier: Apache-2.0
//
// `producers SECONDS`: two processes, each on a core of its own, at full speed for so long: one opens and
// closes a file, one preads. Prints how many calls each kind made: `openat N close N pread N`.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kLook = 256 };  // calls between two looks at the clock

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int open_and_close(void) {
  const int opened = open("/etc/hostname", O_RDONLY);
  return opened >= 0 && close(opened) == 0;
}

static int pread_page(void) {
  static char buffer[4096];
  static int file = -1;
  if (file < 0) file = open("/proc/self/exe", O_RDONLY);
  return pread(file, buffer, sizeof buffer, 0) == sizeof buffer;
}

static void produce(int core, int (*round)(void), double seconds, volatile long* made) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);  // where there is only one core, both share it
  for (const double end = now() + seconds; now() < end;) {
    for (int i = 0; i < kLook; i++) {
      if (!round()) _exit(1);
    }
    *made += kLook;
  }
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const double seconds = atof(argv[1]);
  long* const made = mmap(NULL, 2 * sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return 1;
  if (fork() == 0) produce(0, open_and_close, seconds, &made[0]);
  if (fork() == 0) produce(1, pread_page, seconds, &made[1]);
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status;
  printf("openat %ld close %ld pread %ld\n", made[0], made[0], made[1]);
  return failed != 0;
}
