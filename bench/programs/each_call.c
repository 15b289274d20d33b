// SPDX-License-Identifier: Apache-2.0
//
// each_call COUNT: makes each of these calls so often, and prints its name and the nanoseconds of one. The
// first calls of each, at which the agent prepares the site, are not counted. Runs in a folder of its own.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { kFirst = 50 };
static int file, folder;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define CALL(name, ...) static void name(void) { __VA_ARGS__; }
CALL(lseek_, lseek(file, 0, SEEK_SET))
CALL(fchmod_, fchmod(file, 0600))
CALL(fchown_, (void)!fchown(file, (uid_t)-1, (gid_t)-1))
CALL(ftruncate_, (void)!ftruncate(file, 0))
CALL(fallocate_, syscall(SYS_fallocate, file, 1, 0l, 4096l))
CALL(futimens_, futimens(file, NULL))
CALL(chmod_, chmod("file", 0600))
CALL(chown_, (void)!chown("file", (uid_t)-1, (gid_t)-1))
CALL(truncate_, (void)!truncate("file", 0))
CALL(utimensat_, utimensat(AT_FDCWD, "file", NULL, 0))
CALL(mkdir_, mkdir("folder", 0700))
CALL(link_, (void)!link("file", "file"))
CALL(mknod_, mknod("file", S_IFREG | 0600, 0))
CALL(rename_, rename("file", "file"))
CALL(unlink_, unlink("missing"))
CALL(rmdir_, rmdir("missing"))
CALL(symlink_, (void)!symlink("file", "file"))
CALL(chdir_, (void)!chdir("."))
CALL(fchdir_, (void)!fchdir(folder))

static const struct {
  const char* name;
  void (*make)(void);
} kCalls[] = {{"lseek", lseek_}, {"fchmod", fchmod_}, {"fchown", fchown_}, {"ftruncate", ftruncate_}, {"fallocate", fallocate_}, {"futimens", futimens_},
              {"chmod", chmod_}, {"chown", chown_}, {"truncate", truncate_}, {"utimensat", utimensat_}, {"mkdir (exists)", mkdir_},
              {"link (exists)", link_}, {"mknod (exists)", mknod_}, {"rename (to itself)", rename_}, {"unlink (missing)", unlink_},
              {"rmdir (missing)", rmdir_}, {"symlink (exists)", symlink_}, {"chdir", chdir_}, {"fchdir", fchdir_}};

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 1000;
  file = open("file", O_RDWR | O_CREAT, 0600), folder = open(".", O_RDONLY | O_DIRECTORY);
  if (file < 0 || folder < 0 || (mkdir("folder", 0700) != 0 && access("folder", F_OK) != 0)) return 1;
  for (size_t i = 0; i < sizeof kCalls / sizeof *kCalls; i++) {
    for (int j = 0; j < kFirst; j++) kCalls[i].make();
    const double begun = now();
    for (int j = 0; j < count; j++) kCalls[i].make();
    printf("%s\t%.0f\n", kCalls[i].name, (now() - begun) / count);
  }
  return 0;
}
