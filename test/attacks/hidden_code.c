// SPDX-License-Identifier: Apache-2.0
//
//   hidden_code AIM SECONDS [PROGRAM]    makes memory executable, runs what it has written there, stays so long, and executes a program
//     gate       attaches a System V segment of its own by the gate through which a boot attaches stubs: no call stops
//     control    attaches it by shmat with SHM_EXEC
//     moved      moves executable memory to another place (mremap)
//     personality  asks for READ_IMPLIES_EXEC, then maps and protects without PROT_EXEC
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <unistd.h>

#include "boot_gate.h"

enum { kPage = 4096 };
static const uint8_t kAnswer42[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov $42, %eax; ret

static void* fresh(int protection) { return mmap(NULL, kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void* segment(int by_gate) {
  const int id = shmget(IPC_PRIVATE, kPage, IPC_CREAT | 0600);
  void* const writable = shmat(id, NULL, 0);
  if (writable == (void*)-1) return NULL;
  memcpy(writable, kAnswer42, sizeof kAnswer42);
  void* code = fresh(PROT_NONE);
  munmap(code, kPage);
  if (by_gate) {
    const void* const way = boot_gate();
    if (way == NULL) return NULL;
    attach_by_gate(way, id, code);
  } else {
    code = shmat(id, NULL, SHM_RDONLY | SHM_EXEC);
  }
  shmctl(id, IPC_RMID, NULL);
  return code;
}

static void* moved(void) {
  void* const first = fresh(PROT_READ | PROT_WRITE | PROT_EXEC);
  void* const place = fresh(PROT_NONE);
  memcpy(first, kAnswer42, sizeof kAnswer42);
  return mremap(first, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}

static void* implied(void) {
  personality(READ_IMPLIES_EXEC);
  void* const code = fresh(PROT_READ | PROT_WRITE);
  memcpy(code, kAnswer42, sizeof kAnswer42);
  mprotect(code, kPage, PROT_READ);
  return code;
}

int main(int argc, char** argv) {
  const char* const aim = argc > 1 ? argv[1] : "";
  void* code = NULL;
  if (strcmp(aim, "gate") == 0) code = segment(1);
  if (strcmp(aim, "control") == 0) code = segment(0);
  if (strcmp(aim, "moved") == 0) code = moved();
  if (strcmp(aim, "personality") == 0) code = implied();
  if (code == NULL) return 1;
  printf("code: %d\n", ((int (*)(void))code)());
  fflush(stdout);
  usleep((useconds_t)(argc > 2 ? atof(argv[2]) * 1e6 : 0));
  if (argc > 3) execlp(argv[3], argv[3], (char*)NULL);
  return 0;
}
