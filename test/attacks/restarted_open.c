// SPDX-License-Identifier: Apache-2.0
//
//   restarted_open FILE    waits in the open of a pipe; a handler puts FILE's name in its place, and the kernel restarts the call
//
// With the pipe's own name for FILE it is the honest control.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256] = "pipe";
static const char* target;

// With SA_RESTART.
static void on_alarm(int signal) {
  (void)signal;
  strcpy(path, target);
}

// Somebody has the other end, later.
static void open_other_end(void) {
  if (fork() != 0) return;
  usleep(200000);
  (void)!open("pipe", O_RDWR | O_NONBLOCK);
  usleep(200000);
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc != 2 || mkfifo("pipe", 0600) != 0) return 2;
  target = argv[1];
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  open_other_end();
  ualarm(20000, 0);
  const int file = open(path, O_RDONLY);
  struct stat facts;
  printf("opened: %s\n", file >= 0 && fstat(file, &facts) == 0 && S_ISFIFO(facts.st_mode) ? "pipe" : "file");
  return file < 0;
}
