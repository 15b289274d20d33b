// SPDX-License-Identifier: Apache-2.0
//
// Makes N processes that live until standard input ends, and says `ready` when all are there.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  int count = argc > 1 ? atoi(argv[1]) : 0;
  char byte;
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child < 0) return 1;
    if (child > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  puts("ready");
  fflush(stdout);
  while (read(0, &byte, 1) > 0) continue;
}
