// SPDX-License-Identifier: Apache-2.0
//
// `cover_ring ring`: puts other memory over the ring that this thread records in, takes it away, protects it:
// each by a range that begins far below it, so that no address of the call is one of the ring.
// `cover_ring own`: the same calls on memory of its own. Makes ten hot calls after each try, lseek(9000 +
// TRY, ...).
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kSegment = 16 << 20 };

static const char* aim;
static int tries;

static void hot_calls(void) {
  for (int i = 0; i < 10; i++) (void)!lseek(9000 + tries, i, SEEK_SET);
}

static void after(const char* what, long result) {
  printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "done");
  hot_calls();
  tries++;
}

// A thread that is not the first has its ring where other rings lie.
static void* attack(void* unused) {
  hot_calls();
  hot_calls();
  uint64_t target = 0;
  if (strcmp(aim, "ring") == 0) {
    __asm__ volatile("rdgsbase %0" : "=r"(target));
    target += 0x10000;
  } else {
    target = (uint64_t)mmap(NULL, kSegment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + kSegment / 2;
  }
  const uint64_t below = target - (4 << 20), size = 6 << 20;
  const int own = shmget(IPC_PRIVATE, kSegment / 2, IPC_CREAT | 0600);
  printf("target %lx\n", (unsigned long)target);
  void* const other = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  after("mmap", (long)mmap((void*)below, size, PROT_READ | PROT_WRITE, fixed, -1, 0));
  after("mprotect", mprotect((void*)below, size, PROT_READ));
  after("madvise", madvise((void*)below, size, MADV_DONTNEED));
  after("mremap onto", (long)mremap(other, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, below));
  after("shmat", (long)shmat(own, (void*)below, SHM_REMAP));
  after("mremap away", (long)syscall(SYS_mremap, below, size, size, MREMAP_MAYMOVE));
  after("munmap", munmap((void*)below, size));
  if (strcmp(aim, "ring") == 0) {
    after("munmap from far", munmap((void*)0x500000000000, target + 0x1000 - 0x500000000000));
    after("mmap at it", (long)mmap((void*)target, 4096, PROT_READ | PROT_WRITE, fixed, -1, 0));
  }
  shmctl(own, IPC_RMID, NULL);
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  aim = argv[1];
  pthread_t thread;
  hot_calls();
  hot_calls();
  if (pthread_create(&thread, NULL, attack, NULL) != 0) return 1;
  pthread_join(thread, NULL);
  return 0;
}
