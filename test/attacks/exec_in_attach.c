// SPDX-License-Identifier: Apache-2.0
//
//   exec_in_attach AIM    a process from outside, with many threads; as soon as the agent has attached the first of them, another one
//     exec   executes a program: its exec waits for the ends of those that are attached, and the agent for the exec
//     stay   the honest control: does not
// and then opens a file that is not there, again and again, for two minutes: opened-after.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 64, TRIES = 12000 };

static int is_traced(void) {
  char text[4096] = "";
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  (void)!read(file, text, sizeof text - 1);
  close(file);
  const char* const tracer = strstr(text, "TracerPid:");
  return tracer != NULL && atoi(tracer + strlen("TracerPid:")) != 0;
}

static void open_after(void) {
  for (int i = 0; i < TRIES; i++) {
    (void)!open("opened-after", O_RDONLY | O_CLOEXEC);
    usleep(10000);
  }
}

static void* wait_in_thread(void* unused) {
  for (;;) pause();
  return unused;
}

// /proc/self/status is the first thread's, which the agent attaches first.
static void* act(void* aim) {
  while (!is_traced()) {}
  if (strcmp(aim, "exec") == 0) execl("/proc/self/exe", "exec_in_attach", "after", NULL);
  open_after();
  exit(0);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "after") == 0) return open_after(), 0;
  pthread_t thread;
  for (int i = 0; i < THREADS; i++) pthread_create(&thread, NULL, i == THREADS / 2 ? act : wait_in_thread, argv[1]);
  for (;;) pause();
}
