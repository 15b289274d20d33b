// SPDX-License-Identifier: Apache-2.0
//
// mount_calls change: makes each call that changes mounts, none of which can succeed, and prints the error.
// mount_calls look: those that only look, or open a place as open(2) does.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static void told(const char* name, long result) { printf("%s: %s\n", name, result < 0 ? strerrorname_np(errno) : "ok"); }
#define TOLD(name, number, ...) told(#name, syscall(number, __VA_ARGS__))

static void change(void) {
  uint64_t attributes[4] = {0, 1};
  TOLD(mount, SYS_mount, "none", "/nowhere", "tmpfs", 0l, NULL);
  TOLD(umount2, SYS_umount2, "/nowhere", 0);
  TOLD(pivot_root, SYS_pivot_root, "/nowhere", "/nowhere");
  TOLD(open_tree, 428, AT_FDCWD, "/nowhere", 1);
  TOLD(open_tree_attr, 467, AT_FDCWD, "/nowhere", 0, attributes, sizeof attributes);
  TOLD(move_mount, 429, AT_FDCWD, "/nowhere", AT_FDCWD, "/nowhere", 0);
  TOLD(fsopen, 430, "no-such-system", 0);
  TOLD(fsconfig, 431, 999, 1, "key", "value", 0);
  TOLD(fsmount, 432, 999, 0, 0);
  TOLD(fspick, 433, AT_FDCWD, "/nowhere", 0);
  TOLD(mount_setattr, 442, AT_FDCWD, "/nowhere", 0, attributes, sizeof attributes);
}

static void look(void) {
  struct statfs facts;
  TOLD(open_tree, 428, AT_FDCWD, "/", 0);
  TOLD(statfs, SYS_statfs, "/", &facts);
  TOLD(openat, SYS_openat, AT_FDCWD, "/", O_PATH);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 1 && strcmp(argv[1], "change") == 0) change();
  else look();
  return 0;
}
