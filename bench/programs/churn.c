// SPDX-License-Identifier: Apache-2.0
//
//   churn PARENTS COUNT    COUNT processes, that PARENTS others start one after the other; each reads a file and ends
//
// Prints `half` when half have ended and waits for a line; then does the rest, prints `done` and waits for
// the end of its input.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(void) {
  char bytes[64];
  const int file = open("/proc/self/exe", O_RDONLY);
  _exit(file >= 0 && read(file, bytes, sizeof bytes) == sizeof bytes ? 0 : 1);
}

static int some(int parents, int each) {
  for (int i = 0; i < parents; i++) {
    if (fork() != 0) continue;
    for (int n = 0; n < each; n++) {
      const pid_t made = fork();
      if (made == 0) child();
      int status = 0;
      if (made < 0 || waitpid(made, &status, 0) != made || status != 0) _exit(1);
    }
    _exit(0);
  }
  int status = 0, bad = 0;
  while (wait(&status) > 0) bad |= status != 0;
  return bad;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int parents = atoi(argv[1]), each = atoi(argv[2]) / parents / 2;
  if (some(parents, each) != 0) return 1;
  puts("half");
  fflush(stdout);
  if (getchar() == EOF || some(parents, each) != 0) return 1;
  puts("done");
  fflush(stdout);
  return getchar() == EOF ? 0 : 2;
}
