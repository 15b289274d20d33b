// SPDX-License-Identifier: Apache-2.0
//
//   loading_threads LIBRARY    four threads read /etc/hostname all the while, and the first one loads LIBRARY: each has read many times
//                              before, and reads on after it; says whether that worked, and how many reads gave a byte
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { kThreads = 4, kFast = 20000, kBefore = 1000, kAfter = 50 };

static atomic_int is_over;
static int file;

static void* read_on(void* count) {
  atomic_long* const reads = count;
  char byte;
  while (!is_over) {
    if (pread(file, &byte, 1, 0) == 1) ++*reads;
    if (*reads > kFast) usleep(100);
  }
  return NULL;
}

// Until each thread has read `more` times from now on.
static void wait_for(atomic_long counts[kThreads], long more) {
  for (int i = 0; i < kThreads; i++) {
    for (const long goal = counts[i] + more; counts[i] < goal;) usleep(100);
  }
}

int main(int argc, char** argv) {
  pthread_t threads[kThreads];
  static atomic_long counts[kThreads];
  long all = 0;
  file = open("/etc/hostname", O_RDONLY);
  if (argc < 2 || file < 0) return 1;
  for (int i = 0; i < kThreads; i++) pthread_create(&threads[i], NULL, read_on, &counts[i]);
  wait_for(counts, kBefore);
  void* const library = dlopen(argv[1], RTLD_NOW);
  wait_for(counts, kAfter);
  is_over = 1;
  for (int i = 0; i < kThreads; i++) {
    pthread_join(threads[i], NULL);
    all += counts[i];
  }
  printf("loaded: %d\nreads: %ld\n", library != NULL, all);
  return 0;
}
