// SPDX-License-Identifier: Apache-2.0
// Has a seccomp filter of its own that refuses seccomp(2), waits for a file, reads as often as it is told,
// and ends with status 5. What it does after it was found must be recorded although it can be given no
// filter. usage: waits FILE COUNT
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct sock_filter refuse[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
  char byte;
  if (argc != 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
  while (access(argv[1], F_OK) != 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  int zero = open("/dev/zero", O_RDONLY);
  for (int i = atoi(argv[2]); i > 0; i--)
    if (pread(zero, &byte, 1, i) != 1) return 3;
  return 5;
}
