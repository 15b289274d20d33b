// SPDX-License-Identifier: Apache-2.0
//
// guarded connect|exec COUNT: makes a call that rows may speak of, and that none of them denies, again and
// again; prints the nanoseconds of one.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int once(int kind, int fd) {
  if (kind == 'c') {
    const struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connect(fd, (const void *)&name, sizeof name);
  }
  const pid_t child = vfork();
  if (child == 0) {
    execl("/bin/true", "true", NULL);
    _exit(1);
  }
  int status;
  waitpid(child, &status, 0);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const long count = atol(argv[2]);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct timespec from, to;
  once(argv[1][0], fd);
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (long i = 0; i < count; i++)
    if (once(argv[1][0], fd) != 0) return 1;
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%.0f\n", ((to.tv_sec - from.tv_sec) * 1e9 + (to.tv_nsec - from.tv_nsec)) / count);
  return 0;
}
