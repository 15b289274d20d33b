// SPDX-License-Identifier: Apache-2.0
//
//   unfiltered_stranger AIM GO PROGRAM [ARGUMENT]...    can be given no filter of ours, because it has one of its own that refuses that;
//                                                       waits for the file GO, and executes PROGRAM
//     persona   asks for READ_IMPLIES_EXEC before
//     plain     does not
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/personality.h>
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
  const struct sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
  if (argc < 4 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
  while (access(argv[2], F_OK) != 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  if (strcmp(argv[1], "persona") == 0) personality(READ_IMPLIES_EXEC);
  execv(argv[3], argv + 3);
  return 3;
}
