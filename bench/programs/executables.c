// SPDX-License-Identifier: Apache-2.0
//
//   executables PROGRAM COUNT    executes COUNT copies of PROGRAM, each a file of its own name and content, and removes it
//
// PROGRAM ends with status 5. Prints `half` when half are done and waits for a line; then does the rest.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kRoom = 1 << 16 };

static char bytes[kRoom];
static ssize_t size;

static int one(int number) {
  char path[64];
  snprintf(path, sizeof path, "./program-%d", number);
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  if (file < 0 || write(file, bytes, (size_t)size) != size || write(file, &number, sizeof number) != sizeof number) return 1;
  close(file);
  char* const argv[] = {path, NULL};
  char* const none[] = {NULL};
  pid_t child;
  int status = 0;
  if (posix_spawn(&child, path, NULL, NULL, argv, none) != 0 || waitpid(child, &status, 0) != child) return 1;
  unlink(path);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 5;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int program = open(argv[1], O_RDONLY | O_CLOEXEC), count = atoi(argv[2]);
  size = read(program, bytes, sizeof bytes);
  if (size <= 0) return 2;
  close(program);
  for (int i = 0; i < count; i++) {
    if (i == count / 2) {
      puts("half");
      fflush(stdout);
      if (getchar() == EOF) return 2;
    }
    if (one(i) != 0) return 1;
  }
  puts("done");
  fflush(stdout);
  return getchar() == EOF ? 0 : 2;
}
