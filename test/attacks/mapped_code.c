// SPDX-License-Identifier: Apache-2.0
//
//   mapped_code AIM ROUNDS    maps code of its own file at fixed places, as a dynamic linker does, each time at another
//     calm      the honest control: every second call fails, by a descriptor that is not open
//     denies    writes over the record of a mapping that it failed
//     invents   writes over the record of a call that failed that it mapped; then code of its own making lies there, by a gate
//     omits     takes the record of a mapping away
//
// Says how many mappings there are, and how many calls failed; then ten calls of its own, lseek(9100, ...).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot_gate.h"

// capture/wire/ring.h
enum { kContext = 0x10000, kHead = 0, kMask = 32, kRecords = 40, kRecord = 80, kResult = 24, kPage = 4096 };

static uint64_t base;

static volatile uint64_t* field(int at) { return (uint64_t*)(base + kContext + (uint64_t)at); }
// The last that was published; in a ring of which little has been used it lies right before the next.
static volatile int64_t* last_result(void) {
  const uint64_t at = (*field(kHead) - kRecord) & *field(kMask);
  return (volatile int64_t*)(*field(kRecords) - kRecord + at + kResult);
}

static char* place(void) { return mmap(NULL, 16 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static void* map_code(char* at, int file) {
  return mmap(at, 4 * kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0);
}

static void stop(void) { close(socket(AF_UNIX, SOCK_STREAM, 0)); }

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const aim = argv[1];
  const int file = open("/proc/self/exe", O_RDONLY);
  for (int i = 0; i < 10; i++) (void)!lseek(9000, i, SEEK_SET);
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  if (base == 0) return printf("ring: none\n") < 0;
  int mapped = 0, failed = 0;
  for (int round = 0; round < atoi(argv[2]); round++) {
    const int fails = strcmp(aim, "invents") == 0 || (strcmp(aim, "calm") == 0 && round % 2 != 0);
    char* const at = place();
    void* const got = map_code(at, fails ? 9001 : file);
    if (strcmp(aim, "denies") == 0) *last_result() = -ENOMEM;
    if (strcmp(aim, "invents") == 0) *last_result() = (int64_t)(uintptr_t)at;
    if (strcmp(aim, "omits") == 0) *field(kHead) -= kRecord;
    if (got == at) mapped++;
    if (got == MAP_FAILED && errno == EBADF) failed++;
    stop();
    if (strcmp(aim, "invents") == 0) {
      const int id = shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0600);
      munmap(at, 4 * kPage);
      attach_by_gate(boot_gate(), id, at);
      shmctl(id, IPC_RMID, NULL);
      usleep(3500000);
    }
  }
  for (int i = 0; i < 10; i++) (void)!lseek(9100, i, SEEK_SET);
  printf("mapped: %d\nfailed: %d\n", mapped, failed);
  return 0;
}
