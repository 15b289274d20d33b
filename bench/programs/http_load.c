// SPDX-License-Identifier: Apache-2.0
//
// http_load PORT PATH CONNECTIONS REQUESTS: asks 127.0.0.1 for PATH on connections that are kept alive,
// each for the next one when its answer is whole, and says how many a second. All answers are as long as
// the first.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char request[512], answer[1 << 16];
static size_t request_size;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void ask(int fd) {
  if (write(fd, request, request_size) != (ssize_t)request_size) fail("write");
}

static ssize_t hear(int fd) {
  ssize_t got = read(fd, answer, sizeof answer - 1);
  if (got <= 0) fail("read");
  return got;
}

// Of one whole answer, head and body.
static size_t first_answer(int fd) {
  size_t size = 0;
  ask(fd);
  for (;;) {
    ssize_t got = read(fd, answer + size, sizeof answer - 1 - size);
    if (got <= 0) fail("read");
    answer[size += got] = 0;
    const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
    if (end == NULL || length == NULL) continue;
    size_t whole = (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10);
    if (size >= whole) return whole;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int connections = atoi(argv[3]);
  long left = atol(argv[4]), underway = 0;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct pollfd fds[256];
  size_t heard[256] = {0};
  if (connections < 1 || connections > 256) return 2;
  request_size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: http_load\r\nAccept: */*\r\n\r\n", argv[2]);
  for (int i = 0; i < connections; i++) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  size_t whole = first_answer(fds[0].fd);
  long asked = left;
  double begun = now();
  for (int i = 0; i < connections && left > 0; i++, left--, underway++) ask(fds[i].fd);
  while (underway > 0) {
    if (poll(fds, connections, -1) < 0) fail("poll");
    for (int i = 0; i < connections; i++) {
      if (fds[i].revents == 0) continue;
      heard[i] += hear(fds[i].fd);
      if (heard[i] < whole) continue;
      heard[i] = 0;
      if (left > 0) left--, ask(fds[i].fd);
      else underway--;
    }
  }
  printf("requests/s: %.1f\n", asked / (now() - begun));
  return 0;
}
