// SPDX-License-Identifier: Apache-2.0
//
// `marked_calls THREADS ROUNDS`: ten hot calls a round, in each of which thread and round can be read, in
// arguments or in payload. bench/measure/exactness.ts knows them all and looks at the record of each. A call
// that does not return what it must ends the program with 1.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kPayloadMax = 200, kRoundsMax = 2000000 };

static long rounds;

static int fill(char* into, long thread, long round) {
  const int size = (int)((thread * 31 + round * 17) % kPayloadMax) + 1;
  for (int i = 0; i < size; i++) into[i] = (char)('a' + (thread * 7 + round * 13 + i) % 26);
  return size;
}

static void must(long result, long wanted, const char* what) {
  if (result == wanted) return;
  perror(what);
  _exit(1);
}

static void* work(void* number) {
  const long thread = (long)number;
  char path[32], out[kPayloadMax], in[kPayloadMax];
  int ends[2];
  snprintf(path, sizeof path, "file%ld", thread);
  const int file = open(path, O_RDWR | O_CREAT, 0600), null = open("/dev/null", O_WRONLY);
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0, "socketpair");
  for (long round = 0; round < rounds; round++) {
    const long mark = thread * kRoundsMax + round;
    const int size = fill(out, thread, round), half = size / 2;
    struct iovec parts[2] = {{out, (size_t)half}, {out + half, (size_t)(size - half)}};
    struct iovec rooms[2] = {{in, (size_t)half}, {in + half, (size_t)(size - half)}};
    must(pwrite(file, out, (size_t)size, mark), size, "pwrite");
    must(pread(file, in, (size_t)size, mark), size, "pread");
    must(lseek(file, mark, SEEK_SET), mark, "lseek");
    must(read(file, in, (size_t)size), size, "read");
    must(write(null, out, (size_t)size), size, "write");
    must(writev(null, parts, 2), size, "writev");
    must(preadv(file, rooms, 2, mark), size, "preadv");
    must(sendto(ends[0], out, (size_t)size, 0, NULL, 0), size, "sendto");
    must(recvfrom(ends[1], in, sizeof in, 0, NULL, NULL), size, "recvfrom");
    must(fcntl(file, F_SETFD, (int)(round & 1)), 0, "fcntl");
  }
  return NULL;
}

int main(int argc, char** argv) {
  const long threads = argc > 1 ? atol(argv[1]) : 1;
  rounds = argc > 2 ? atol(argv[2]) : 1;
  static pthread_t handles[64];
  if (threads > 64 || rounds > kRoundsMax) return 2;
  for (long i = 1; i < threads; i++) must(pthread_create(&handles[i], NULL, work, (void*)i), 0, "thread");
  work(NULL);
  for (long i = 1; i < threads; i++) pthread_join(handles[i], NULL);
  return 0;
}
