// SPDX-License-Identifier: Apache-2.0
//
//   waiting_threads LIBRARY    a thread each waits by calls that any stop ends with EINTR (signal(7)), and the first thread loads
//                              LIBRARY meanwhile; then lets each wait end, and says how it did
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kWaitMs = 60000 };
static int set, semaphore;
static sigset_t mask;

static long by_epoll(void) {
  struct epoll_event one;
  return epoll_wait(set, &one, 1, kWaitMs);
}
static long by_pwait(void) {
  struct epoll_event one;
  return epoll_pwait(set, &one, 1, -1, &mask);
}
static long by_semaphore(void) {
  struct sembuf take = {.sem_op = -1};
  return semop(semaphore, &take, 1);
}
static long by_signal(void) { return sigwaitinfo(&mask, NULL); }

static struct Wait {
  const char* name;
  long (*wait)(void);
  pthread_t thread;
  _Atomic int tid, is_over;
  int error;
} waits[] = {{.name = "epoll_wait", .wait = by_epoll}, {.name = "epoll_pwait", .wait = by_pwait}, {.name = "semop", .wait = by_semaphore}, {.name = "sigwaitinfo", .wait = by_signal}};
enum { kWaits = sizeof waits / sizeof *waits };

static void* begin(void* data) {
  struct Wait* const one = data;
  one->tid = (int)syscall(SYS_gettid);
  one->error = one->wait() < 0 ? errno : 0;
  one->is_over = 1;
  return NULL;
}

static int is_asleep(int tid) {
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  const int file = open(path, O_RDONLY);
  const long size = read(file, text, sizeof text - 1);
  close(file);
  const char* const end = size > 0 ? strrchr(text, ')') : NULL;
  return end != NULL && end[2] == 'S';
}

static void until_all_wait(void) {
  for (int i = 0; i < kWaits; i++) {
    while (!waits[i].is_over && (waits[i].tid == 0 || !is_asleep(waits[i].tid))) usleep(1000);
  }
}

int main(int argc, char** argv) {
  const int ready = eventfd(0, 0);
  struct epoll_event one = {.events = EPOLLIN};
  set = epoll_create1(0);
  semaphore = semget(IPC_PRIVATE, 1, 0600);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  if (argc < 2 || semaphore < 0 || epoll_ctl(set, EPOLL_CTL_ADD, ready, &one) != 0) return 1;
  for (int i = 0; i < kWaits; i++) pthread_create(&waits[i].thread, NULL, begin, &waits[i]);
  until_all_wait();
  printf("loaded: %d\n", dlopen(argv[1], RTLD_NOW) != NULL);
  until_all_wait();
  const long long now = 1;
  struct sembuf give = {.sem_op = 1};
  if (write(ready, &now, sizeof now) != sizeof now || semop(semaphore, &give, 1) != 0) return 1;
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < kWaits; i++) {
    pthread_join(waits[i].thread, NULL);
    printf("%s: %s\n", waits[i].name, waits[i].error == 0 ? "ok" : strerror(waits[i].error));
  }
  return semctl(semaphore, 0, IPC_RMID);
}
