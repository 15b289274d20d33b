// SPDX-License-Identifier: Apache-2.0
//
//   caught FILE          makes a guarded call through a gate once, and then opens FILE ten times through the gate of openat,
//                        with the record in a context of its own, where nobody reads
//   caught thread FILE   the same, but another thread opens the file
//   caught gs FILE       makes no such call, but has the kernel set its GS base, with which our code finds its records
//   caught calm FILE     opens it as everybody does
#include <asm/prctl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>

#define main omit_records
#include "omit_records.c"
#undef main

enum { kOpens = 10 };
static const char* file;
static bool is_calm;

// At the first gate of a shape, with its thread's own context: it stops, because no gate may make this call.
static long connect_through_gate(void) {
  uint8_t* at = (uint8_t*)0x12000;
  while (at[0] != 0x0f || at[1] != 0x05 || at[2] != 0x65) at++;  // before a gs access
  long result = SYS_connect;
  __asm__ volatile(
      "lea 1f(%%rip), %%rcx\n mov %%rcx, %%gs:0x10010\n xor %%r10d, %%r10d\n jmp *%[gate]\n 1:"
      : "+a"(result)
      : [gate] "r"(at), "D"(-1L), "S"(0L), "d"(0L)
      : "rcx", "r11", "r10", "r8", "r9", "memory", "cc");
  return result;
}

static void* open_file_often(void* nothing) {
  int opened = 0;
  for (int i = 0; i < kOpens; i++) {
    const int fd = is_calm ? open(file, O_RDONLY) : (int)omitted(SYS_openat, AT_FDCWD, file, O_RDONLY);
    if (fd >= 0) opened++, close(fd);
  }
  printf("opened: %d\n", opened);
  return nothing;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  file = argv[argc - 1];
  is_calm = strcmp(argv[1], "calm") == 0;
  for (int i = 0; i < 20; i++) close(open("/dev/null", O_RDONLY));
  const bool is_by_kernel = strcmp(argv[1], "gs") == 0;
  static char page[0x20000];
  if (is_by_kernel) printf("set: %d\n", syscall(SYS_arch_prctl, ARCH_SET_GS, page) == 0);
  else if (!is_calm) printf("connected: %d\n", connect_through_gate() == 0);
  if (strcmp(argv[1], "thread") != 0) {
    open_file_often(NULL);
    return 0;
  }
  pthread_t other;
  if (pthread_create(&other, NULL, open_file_often, NULL) != 0) return 1;
  return pthread_join(other, NULL);
}
