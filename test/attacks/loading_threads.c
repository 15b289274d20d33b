// SPDX-License-Identifier: Apache-2.0
//
//   loading_threads LIBRARY    four threads read /etc/hostname all the while, and the first one loads LIBRARY; says whether that
//                              worked, and how many reads gave a byte
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { kThreads = 4, kFast = 20000 };

static atomic_int is_over;
static int file;

static void* read_on(void* count) {
  long reads = 0;
  char byte;
  while (!is_over) {
    if (pread(file, &byte, 1, 0) == 1) reads++;
    if (reads > kFast) usleep(100);
  }
  *(long*)count = reads;
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t threads[kThreads];
  long counts[kThreads] = {0}, all = 0;
  file = open("/etc/hostname", O_RDONLY);
  if (argc < 2 || file < 0) return 1;
  for (int i = 0; i < kThreads; i++) pthread_create(&threads[i], NULL, read_on, &counts[i]);
  usleep(30000);
  void* const library = dlopen(argv[1], RTLD_NOW);
  usleep(30000);
  is_over = 1;
  for (int i = 0; i < kThreads; i++) {
    pthread_join(threads[i], NULL);
    all += counts[i];
  }
  printf("loaded: %d\nreads: %ld\n", library != NULL, all);
  return 0;
}
