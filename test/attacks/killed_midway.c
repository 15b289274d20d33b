// SPDX-License-Identifier: Apache-2.0
//
//   killed_midway HOW ROUNDS    each round a process ends in the midst of everything that it can do, by HOW:
//     kill    SIGKILL from its parent        exit    exit_group of one of its threads
//     exec    a program that one of its threads executes
//     calm    the honest control: its threads are asked to stop, and the process ends by itself
//
// Three threads count what they have done in memory that the parent shares: calls that stop for a tracer,
// calls that need not, and mappings of code, which stop at their entry alone. Others make children, by fork,
// and by vfork and an exec. A line a round comes out: `PID: GUARDED HOT MAPPED`, what was done for certain.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static struct {
  atomic_long guarded, hot, mapped;
  atomic_int stop;
}* done;

static void pause_ns(long ns) {
  const struct timespec pause = {0, ns};
  (void)nanosleep(&pause, NULL);
}

static void* guarded(void* nothing) {
  while (!done->stop) {
    (void)setxattr("/nowhere/at/all", "user.none", "", 0, 0);  // always stops
    atomic_fetch_add(&done->guarded, 1);
  }
  return nothing;
}

static void* hot(void* nothing) {
  char byte;
  const int file = open("/proc/self/exe", O_RDONLY);
  while (!done->stop) {
    (void)!pread(file, &byte, 1, 0);
    atomic_fetch_add(&done->hot, 1);
  }
  return nothing;
}

static void* maps(void* nothing) {
  enum { kPage = 4096 };
  char byte;
  const int file = open("/proc/self/exe", O_RDONLY);
  while (!done->stop) {
    (void)!pread(file, &byte, 1, 0);
    char* const place = mmap(NULL, 4 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mmap(place, 4 * kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, file, 0) != place) _exit(3);
    atomic_fetch_add(&done->mapped, 1);  // it stays: where code has been, a mapping stops twice
    pause_ns(50000);
  }
  return nothing;
}

static void* forks(void* nothing) {
  while (!done->stop) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child > 0) (void)waitpid(child, NULL, 0);
  }
  return nothing;
}

static void* vforks(void* nothing) {
  while (!done->stop) {
    const pid_t child = vfork();
    if (child == 0) {
      execl("/bin/true", "true", (char*)NULL);
      _exit(1);
    }
    if (child > 0) (void)waitpid(child, NULL, 0);
  }
  return nothing;
}

static long moment;

static void* ends(void* how) {
  pause_ns(moment);
  if (strcmp(how, "exit") == 0) syscall(SYS_exit_group, 0);
  if (strcmp(how, "exec") == 0) execl("/bin/true", "true", (char*)NULL);
  return NULL;
}

static void victim(const char* how) {
  void* (*const kThreads[])(void*) = {guarded, hot, maps, forks, vforks};
  enum { kCount = sizeof kThreads / sizeof kThreads[0] };
  pthread_t threads[kCount], last;
  for (int i = 0; i < kCount; ++i) {
    if (pthread_create(&threads[i], NULL, kThreads[i], NULL) != 0) _exit(2);
  }
  if (pthread_create(&last, NULL, ends, (void*)how) != 0) _exit(2);
  pthread_join(last, NULL);
  if (strcmp(how, "kill") == 0) pause();
  done->stop = 1;
  for (int i = 0; i < kCount; ++i) pthread_join(threads[i], NULL);
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const char* const how = argv[1];
  done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (done == MAP_FAILED) return 2;
  srand(7);
  for (int round = 0, rounds = atoi(argv[2]); round < rounds; ++round) {
    memset(done, 0, sizeof *done);
    moment = 1000L * (500 + rand() % 12000);
    const pid_t child = fork();
    if (child == 0) victim(how);
    if (strcmp(how, "kill") == 0) {
      pause_ns(moment);
      (void)kill(child, SIGKILL);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child) return 1;
    if (status != (strcmp(how, "kill") == 0 ? SIGKILL : 0)) {
      fprintf(stderr, "round %d: status %x\n", round, status);
      return 1;
    }
    printf("%d: %ld %ld %ld\n", child, done->guarded, done->hot, done->mapped);
    fflush(stdout);
  }
  return 0;
}
