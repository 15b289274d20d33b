// SPDX-License-Identifier: Apache-2.0
//
//   crowded_numbers threads|processes ROUNDS   reads two files by turns under one number, in a hundred threads that record inline;
//                                              a thread, or a process, that has no ring yet puts the second file where the first was
//   crowded_numbers alone ROUNDS               the same, all by the thread that opens
//
// Of "first" three bytes are read, of "second" five: the size of a read says which file it reached.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kReaders = 100, kWarm = 400 };

// Shared by all, processes too. Whose turn it is: a reader's number, or one of these.
static struct {
  _Atomic int turn;
  _Atomic int fd;
  _Atomic int size;
  _Atomic int warm;
} * all;
enum { kMain = -1, kSwapper = -2, kEnd = -3 };

static void await_turn(int who) {
  while (all->turn != who && all->turn != kEnd) sched_yield();
}

static void give_turn(int who) {
  all->turn = who;
  await_turn(kMain);
}

static void read_some(void) {
  char bytes[8];
  if (read(all->fd, bytes, (size_t)all->size) != all->size) abort();
}

static void* reader(void* number) {
  const int null = open("/dev/zero", O_RDONLY);
  char byte;
  for (int i = 0; i < kWarm; i++) (void)!read(null, &byte, 1);
  close(null);
  all->warm++;
  for (;;) {
    await_turn((int)(long)number);
    if (all->turn == kEnd) return NULL;
    read_some();
    all->turn = kMain;
  }
}

static void swap(void) {
  close(all->fd);
  if (open("second", O_RDONLY) != all->fd) abort();
}

static void* swapper(void* unused) {
  await_turn(kSwapper);
  swap();
  all->turn = kMain;
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int alone = !strcmp(argv[1], "alone"), processes = !strcmp(argv[1], "processes"), rounds = atoi(argv[2]);
  all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (const char** name = (const char*[]){"first", "second", NULL}; *name; name++) {
    const int made = open(*name, O_CREAT | O_WRONLY, 0600);
    if (write(made, "12345678", 8) != 8) return 1;
    close(made);
  }
  all->turn = kMain;
  pthread_t readers[kReaders], other;
  for (long i = 0; i < kReaders; i++) {
    pthread_create(&readers[i], NULL, reader, (void*)i);
    while (all->warm <= i) sched_yield();
  }
  for (int round = 0; round < rounds; round++) {
    const int who = round % kReaders;
    long child = 0;
    // Begun before anything is read: to begin one stops the thread.
    if (processes && (child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0)) == 0) {
      swapper(NULL);
      _exit(0);
    }
    if (!alone && !processes) pthread_create(&other, NULL, swapper, NULL);
    all->fd = open("first", O_RDONLY);
    all->size = 3;
    if (alone) read_some();
    else give_turn(who);
    if (alone) swap();
    else give_turn(kSwapper);
    all->size = 5;
    if (alone) read_some();
    else give_turn((who + kReaders / 2) % kReaders);
    close(all->fd);
    if (child > 0) waitpid((pid_t)child, NULL, 0);
    if (!alone && !processes) pthread_join(other, NULL);
  }
  all->turn = kEnd;
  for (int i = 0; i < kReaders; i++) pthread_join(readers[i], NULL);
  printf("end: reached\n");
  return 0;
}
