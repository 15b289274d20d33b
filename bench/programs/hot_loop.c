// SPDX-License-Identifier: Apache-2.0
//
// `hot_loop KIND COUNT [FOLDER]`: a hot call again and again, and the nanoseconds that one round took: by the
// clock, and of the processor.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char buffer[4096];
static int file;

static long now_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int pread_page(void) { return pread(file, buffer, sizeof buffer, 0) == sizeof buffer; }
static int pread_byte(void) { return pread(file, buffer, 1, 0) == 1; }
static int pwrite_page(void) { return pwrite(file, buffer, sizeof buffer, 0) == sizeof buffer; }
static int seek(void) { return lseek(file, 0, SEEK_SET) == 0; }

static int small_file(void) {
  struct stat facts;
  const int opened = open("/etc/hostname", O_RDONLY);
  return opened >= 0 && fstat(opened, &facts) == 0 && read(opened, buffer, 100) >= 0 && close(opened) == 0;
}

static int open_close(void) {
  const int opened = open("/etc/hostname", O_RDONLY);
  return opened >= 0 && close(opened) == 0;
}

// Each file is another one, as many as the folder has: 0, 1, 2 ...
static const char* folder;

static int one_of_many(void) {
  static int next;
  char name[96];
  snprintf(name, sizeof name, "%s/%d", folder, next++);
  const int opened = open(name, O_RDONLY);
  if (opened >= 0) return close(opened) == 0;
  const int made = next > 1;
  next = 0;
  return made;
}

static const struct {
  const char* name;
  int (*round)(void);
} kKinds[] = {{"pread", pread_page}, {"pread1", pread_byte}, {"pwrite", pwrite_page}, {"lseek", seek}, {"files", small_file}, {"opens", open_close}, {"many", one_of_many}};

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  char path[64];
  snprintf(path, sizeof path, "/dev/shm/hot_loop.%d", (int)getpid());
  file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  unlink(path);
  const long count = atol(argv[2]);
  folder = argc > 3 ? argv[3] : "/";
  for (size_t kind = 0; kind < sizeof kKinds / sizeof *kKinds; kind++) {
    if (strcmp(kKinds[kind].name, argv[1]) != 0) continue;
    if (file < 0 || !pwrite_page()) return 1;
    for (long i = 0; i < count / 10; i++) {
      if (!kKinds[kind].round()) return 1;
    }
    const long start = now_ns(CLOCK_MONOTONIC), start_cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < count; i++) {
      if (!kKinds[kind].round()) return 1;
    }
    const long spent = now_ns(CLOCK_MONOTONIC) - start, spent_cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
    printf("%.1f %.1f\n", (double)spent / (double)count, (double)spent_cpu / (double)count);
    return 0;
  }
  return 2;
}
