// SPDX-License-Identifier: Apache-2.0
//
// `processes N [CALLS]`: makes N processes that live until standard input ends, and says `ready` when all are
// there and each has made CALLS calls, one after another as fast as it can.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  int count = argc > 1 ? atoi(argv[1]) : 0;
  long calls = argc > 2 ? atol(argv[2]) : 0;
  int done[2];
  char byte = 0;
  if (pipe(done) != 0) return 1;
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child < 0) return 1;
    if (child > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (long call = 0; call < calls; call++) (void)!lseek(9000, call, SEEK_SET);
    if (write(done[1], &byte, 1) != 1) return 1;
    for (;;) pause();
  }
  for (int i = 0; i < count; i++) {
    if (read(done[0], &byte, 1) != 1) return 1;
  }
  puts("ready");
  fflush(stdout);
  while (read(0, &byte, 1) > 0) continue;
}
