// SPDX-License-Identifier: Apache-2.0
//
//   restarted_socketcall AIM    waits in a recv by the 32-bit convention, whose arguments lie in memory (socketcall); a handler puts
//                               another descriptor there, and the kernel restarts the call
//     other   the descriptor of another socket, in which there is something
//     same    the same descriptor again, in whose socket there is something by then: the honest control
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../fixtures/call32.h"

enum { kSocketcall = 102, kRecv = 10, kWaits = 40, kOther = 50, kBytes = 3 };

static uint32_t* arguments;
static int wanted;
static int ends[2];

// With SA_RESTART.
static void on_alarm(int signal) {
  (void)signal;
  arguments[0] = (uint32_t)wanted;
  (void)!write(ends[wanted == kOther], "new", kBytes);
}

static void open_pair(int at, int* end) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || dup2(pair[0], at) != at) _exit(2);
  *end = pair[1];
}

int main(int argc, char** argv) {
  // Where 32 bits reach.
  arguments = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (argc != 2 || arguments == MAP_FAILED) return 2;
  open_pair(kWaits, &ends[0]);
  open_pair(kOther, &ends[1]);
  wanted = strcmp(argv[1], "other") == 0 ? kOther : kWaits;
  const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  arguments[0] = kWaits;
  arguments[1] = (uint32_t)(uintptr_t)(arguments + 64);
  arguments[2] = kBytes;
  arguments[3] = 0;
  ualarm(100000, 0);
  printf("received: %ld\n", call32(kSocketcall, kRecv, (long)(uintptr_t)arguments, 0, 0, 0));
  return 0;
}
