// SPDX-License-Identifier: Apache-2.0
//
// Holds one thread of a process in the middle of its work, as memory does whose server does not answer: the
// thread stands still, and the process's other threads go on. Argument: the thread's number. It is held at
// the entry of the next ptrace(2) or process_vm_readv(2): a tracer makes these only when it has something to
// do, while its wait can be interrupted by a signal and then makes rt_sigreturn(2). "held: NUMBER" says which
// call that is. The end of standard input lets the thread go on.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int refused(const char *what) {
  printf("%s: %s\n", what, strerrorname_np(errno));
  return 1;
}

static int is_work(unsigned long long call) { return call == SYS_ptrace || call == SYS_process_vm_readv; }

int main(int argc, char **argv) {
  const pid_t tid = argc > 1 ? atoi(argv[1]) : 0;
  if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0) return refused("seize");
  if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) != 0) return refused("interrupt");
  for (;;) {
    int status;
    if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) return refused("wait");
    const int is_event = status >> 16 != 0;
    const int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info info;
      memset(&info, 0, sizeof info);
      if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) return refused("info");
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY && is_work(info.entry.nr)) {
        printf("held: %llu\n", (unsigned long long)info.entry.nr);
        break;
      }
    }
    const int delivered = is_event || signal == (SIGTRAP | 0x80) ? 0 : signal;
    if (ptrace(PTRACE_SYSCALL, tid, 0, delivered) != 0) return refused("go on");
  }
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  if (ptrace(PTRACE_DETACH, tid, 0, 0) != 0) return refused("detach");
  printf("end: reached\n");
  return 0;
}
