// SPDX-License-Identifier: Apache-2.0
//
//   starve_agent AIM SECONDS    a dozen processes stop all the time, so that the agent always has a stop to handle
//     forge    a fourth records a write that it has not made, and makes no call that stops from then on, until the others have ended
//     calm     the honest control: the fourth records nothing that is not true
//
// Marks: lseek(9100, ...) right before that, lseek(9200, ...) when SECONDS are over.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kStoppers = 12, kContext = 0x10000, kHead = 0, kMask = 32, kRecords = 40, kChunks = 80 };  // capture/wire/ring.h

static time_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);  // no system call
  return time.tv_sec;
}

static long* stops;

static void on_trap(int signal) {
  (void)signal;
  __atomic_add_fetch(stops, 1, __ATOMIC_RELAXED);
}

// By signals: each is a stop, and none is an event.
static void stop_all_the_time(void) {
  signal(SIGTRAP, on_trap);
  for (;;) __asm__ volatile("int3");
}

static void forge_write(void) {
  uint64_t base, head, mask, records;
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  if (base == 0) return;
  char* const context = (char*)(base + kContext);
  memcpy(&head, context + kHead, sizeof head);
  memcpy(&mask, context + kMask, sizeof mask);
  memcpy(&records, context + kRecords, sizeof records);
  struct {
    uint32_t size, nr;
    uint64_t enter, exit;
    int64_t result;
    uint64_t args[6];
  } record = {.size = kChunks, .nr = SYS_write, .result = 1000, .args = {1, 0, 1000}};
  memcpy((char*)(records - kChunks + (head & mask)), &record, sizeof record);
  head += kChunks;
  memcpy(context + kHead, &head, sizeof head);
  printf("write: forged\n");
}

static void mark(int descriptor) {
  for (int i = 0; i < 8; i++) (void)!lseek(descriptor, i, SEEK_SET);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  pid_t stoppers[kStoppers];
  stops = mmap(NULL, sizeof *stops, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  mark(9000);
  for (int i = 0; i < kStoppers; i++) {
    stoppers[i] = fork();
    if (stoppers[i] == 0) stop_all_the_time();
  }
  const time_t end = now() + atoi(argv[2]);
  mark(9100);
  if (strcmp(argv[1], "forge") == 0) forge_write();
  while (now() < end) (void)!lseek(9101, 0, SEEK_CUR), usleep(1000);
  mark(9200);
  for (int i = 0; i < kStoppers; i++) kill(stoppers[i], SIGKILL);
  while (wait(NULL) > 0) {
  }
  printf("stops: %s\nend: reached\n", *stops > 3000 ? "many" : "few");
  return 0;
}
