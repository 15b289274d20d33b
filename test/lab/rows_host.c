// SPDX-License-Identifier: Apache-2.0
//
// rows_host WORDS FRAMES COMMAND...: a host for guests that have no Node. Runs COMMAND, an agent with
// `--host fd:3`, says to it what stands in the file WORDS, stores all that it sends in the file FRAMES, and
// ends with its status.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void copy(int from, int to) {
  char bytes[65536];
  for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
    if (write(to, bytes, n) != n) exit(3);
}

int main(int argc, char **argv) {
  int ends[2];
  if (argc < 4 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 2;
  const pid_t agent = fork();
  if (agent == 0) {
    close(ends[0]);
    if (ends[1] != 3) dup2(ends[1], 3), close(ends[1]);
    execv(argv[3], argv + 3);
    _exit(127);
  }
  close(ends[1]);
  copy(open(argv[1], O_RDONLY), ends[0]);
  copy(ends[0], open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644));
  int status;
  waitpid(agent, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
