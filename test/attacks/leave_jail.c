// SPDX-License-Identifier: Apache-2.0
//
// leave_jail VICTIM FILE: what native code in a tenant's process would try, a call a line with what the
// kernel answered. VICTIM: another process; FILE: one that it may look at, but not change. Arguments are such
// that the call does no harm where it works.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEW_CALL(name, number) static const long name = number;
NEW_CALL(SYS_MOUNT_SETATTR, 442)
NEW_CALL(SYS_FCHMODAT2, 452)
NEW_CALL(SYS_SETXATTRAT, 463)
NEW_CALL(SYS_UNKNOWN, 1000)

static void tell(const char* name, long result) {
  printf("%s: %s\n", name, result == -1 ? strerrorname_np(errno) : "works");
  fflush(stdout);
  if (result > 2 && strncmp(name, "open", 4) == 0) close((int)result);
}
#define TRY(name, ...) tell(name, syscall(__VA_ARGS__))

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int victim = atoi(argv[1]);
  const char* const file = argv[2];
  char memory[64], path[64], page[16] = "";
  snprintf(memory, sizeof memory, "/proc/%d/mem", victim);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  struct rlimit limit;
  syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &limit);
  struct iovec here = {page, sizeof page}, there = {page, sizeof page};
  // The row's own list.
  TRY("kill", SYS_kill, victim, 0);
  TRY("tkill", SYS_tkill, victim, 0);
  TRY("tgkill", SYS_tgkill, victim, victim, 0);
  TRY("rt_sigqueueinfo", SYS_rt_sigqueueinfo, victim, 0, &info);
  TRY("rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, victim, victim, 0, &info);
  TRY("prlimit64", SYS_prlimit64, victim, RLIMIT_CORE, &limit, NULL);
  TRY("fchmodat2", SYS_FCHMODAT2, AT_FDCWD, file, 0644, 0);
  TRY("setxattrat", SYS_SETXATTRAT, AT_FDCWD, file, 0, "user.x", NULL, 0);
  TRY("open of a process's memory", SYS_openat, AT_FDCWD, memory, O_RDONLY, 0);
  TRY("open of a file", SYS_openat, AT_FDCWD, file, O_RDONLY, 0);
  TRY("open to write", SYS_openat, AT_FDCWD, file, O_WRONLY, 0);
  TRY("open through the root of its own", SYS_openat, AT_FDCWD, "/proc/self/root/etc/passwd", O_RDONLY, 0);
  snprintf(path, sizeof path, "/proc/%d/root/etc/passwd", getpid());
  TRY("open through the root by number", SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
  TRY("mq_open", SYS_mq_open, "leave_jail", O_RDWR | O_CREAT, 0600, NULL);
  TRY("shmget", SYS_shmget, IPC_PRIVATE, 4096, 0600);
  TRY("mount_setattr", SYS_MOUNT_SETATTR, -1, "", 0, NULL, 0);
  // And others of its kind.
  TRY("socket", SYS_socket, AF_INET, SOCK_STREAM, 0);
  TRY("socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (int[2]){0});
  TRY("ptrace", SYS_ptrace, PTRACE_ATTACH, -1, 0, 0);
  TRY("process_vm_readv", SYS_process_vm_readv, victim, &here, 1, &there, 1, 0);
  TRY("process_vm_writev", SYS_process_vm_writev, victim, &here, 1, &there, 1, 0);
  TRY("pidfd_open", SYS_pidfd_open, victim, 0);
  TRY("io_uring_setup", SYS_io_uring_setup, 1, NULL);
  TRY("io_setup", SYS_io_setup, 1, NULL);
  TRY("bpf", SYS_bpf, 0, NULL, 0);
  TRY("perf_event_open", SYS_perf_event_open, NULL, 0, -1, -1, 0);
  TRY("userfaultfd", SYS_userfaultfd, 0x1000);
  TRY("unshare", SYS_unshare, CLONE_FS);
  TRY("setns", SYS_setns, -1, 0);
  TRY("memfd_create", SYS_memfd_create, "x", 0);
  TRY("add_key", SYS_add_key, "user", "x", "x", 1, 0);
  TRY("inotify_init1", SYS_inotify_init1, 0);
  TRY("setresuid", SYS_setresuid, -1, -1, -1);
  TRY("sched_setaffinity", SYS_sched_setaffinity, victim, 0, NULL);
  TRY("process_mrelease", 448L, -1, 0);
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  tell("clone of a process", child);
  TRY("memory that others see", SYS_mmap, NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  TRY("a name for who traces it", SYS_prctl, 0x59616d61 /* PR_SET_PTRACER */, victim);
  TRY("a call of a kernel to come", SYS_UNKNOWN, 0);
  TRY("clone3", SYS_clone3, NULL, 0);
  TRY("signals to itself", SYS_tgkill, getpid(), getpid(), 0);
  TRY("more memory", SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRY("execve", SYS_execve, "/nowhere", argv, NULL);
  return 0;
}
