// SPDX-License-Identifier: Apache-2.0
//
//   omit_records CALL TIMES [exec | refused-exec]    makes a call so often through its gate, with the record in a context of its own, where
//                                                    nobody reads; then ends, or executes a program, or tries to execute what is none
//   CALL: read write pread pwrite readv writev preadv pwritev preadv2 pwritev2 move one byte each; nothing: a read at a file's end
//   open FILE                                        opens a file so, and reads it
//   control CALL TIMES [...]                         the same calls, recorded
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static uint8_t mine[0x6000] __attribute__((aligned(4096)));
static char byte;
static const struct iovec kPart = {&byte, 1};

static const struct {
  const char* name;
  long nr;
  int is_vector;
  long size;
} kCalls[] = {
    {"read", SYS_read, 0, 1},     {"write", SYS_write, 0, 1},     {"pread", SYS_pread64, 0, 1},   {"pwrite", SYS_pwrite64, 0, 1},
    {"readv", SYS_readv, 1, 1},   {"writev", SYS_writev, 1, 1},   {"preadv", SYS_preadv, 1, 1},   {"pwritev", SYS_pwritev, 1, 1},
    {"preadv2", SYS_preadv2, 1, 1}, {"pwritev2", SYS_pwritev2, 1, 1}, {"nothing", SYS_pread64, 0, 0},
};

// Without a record: the thread's context is one of ours for the length of the call.
static long omitted(long nr, long a, const void* b, long c) {
  uint64_t* const context = (uint64_t*)mine;
  memset(mine, 0, 0x1000);
  context[1] = context[9] = 0x1000;           // room
  context[4] = 0x0fff;                        // mask
  context[5] = (uint64_t)mine + 0x1000 + 80;  // first chunk of the first record
  uint64_t real;
  long result = nr;
  __asm__ volatile("rdgsbase %0" : "=r"(real));
  register long at __asm__("r10") = 0;  // offset or mode
  register long flags __asm__("r8") = 0;
  register long more __asm__("r9") = 0;
  __asm__ volatile(
      "wrgsbase %[mine]\n lea 1f(%%rip), %%rcx\n mov %%eax, %%r11d\n jmp *0x11000(,%%r11,8)\n syscall\n 1: wrgsbase %[real]"
      : "+a"(result)
      : [mine] "b"((uint64_t)mine - 0x10000), [real] "r"(real), "D"(a), "S"(b), "d"(c), "r"(at), "r"(flags), "r"(more)
      : "rcx", "r11", "memory", "cc");
  return result;
}

static int open_file(const char* path, int is_control) {
  char text[64];
  for (int i = 0; i < 20; i++) close(open("/dev/null", O_RDONLY));
  const long fd = is_control ? openat(AT_FDCWD, path, O_RDONLY) : omitted(SYS_openat, AT_FDCWD, path, O_RDONLY);
  printf("read: %d\n", read((int)fd, text, sizeof text) > 0);
  return 0;
}

int main(int argc, char** argv) {
  const int is_control = argc > 1 && strcmp(argv[1], "control") == 0;
  if (is_control) argv++, argc--;
  if (argc < 3) return 2;
  if (strcmp(argv[1], "open") == 0) return open_file(argv[2], is_control);
  const int fd = open("omitted", O_CREAT | O_RDWR | O_TRUNC, 0600);
  if (fd < 0) return 1;
  for (int i = 0; i < 20; i++) (void)!pwrite(fd, "text", 4, i * 4), (void)!lseek(fd, 0, SEEK_SET);
  for (size_t i = 0; i < sizeof kCalls / sizeof *kCalls; i++) {
    if (strcmp(argv[1], kCalls[i].name) != 0) continue;
    const void* const what = kCalls[i].is_vector ? (const void*)&kPart : &byte;
    const long count = kCalls[i].is_vector ? 1 : kCalls[i].size;
    long moved = 0;
    for (int times = atoi(argv[2]); times > 0; times--) {
      moved += is_control ? syscall(kCalls[i].nr, (long)fd, what, count, 0L, 0L, 0L) : omitted(kCalls[i].nr, fd, what, count);
    }
    printf("moved: %ld\n", moved);
  }
  fflush(stdout);
  if (argc > 3 && strcmp(argv[3], "exec") == 0) execl("/bin/true", "true", (char*)NULL);
  if (argc > 3) execl("omitted", "omitted", (char*)NULL);
  return 0;
}
