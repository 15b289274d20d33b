// SPDX-License-Identifier: Apache-2.0
//
// unseen_calls quiet: makes calls that change something beyond the process without those that everybody
// watches, and prints what came of each (C1). unseen_calls aio FILE: writes a file by io_submit alone (C3).
// unseen_calls honest: the nearest harmless calls.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long told(const char* name, long result) {
  printf("%s: %ld\n", name, result == -1 ? -errno : result);
  return result;
}

#define TOLD(name, ...) told(#name, syscall(SYS_##name, __VA_ARGS__))
#define NUMBERED(name, number, ...) told(#name, syscall(number, __VA_ARGS__))

static void quiet(void) {
  const pid_t victim = fork();
  if (victim == 0) {
    for (;;) pause();
  }
  siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};
  const int handle = (int)TOLD(pidfd_open, victim, 0);
  TOLD(pidfd_send_signal, handle, SIGURG, NULL, 0);
  TOLD(rt_sigqueueinfo, victim, SIGURG, &info);
  TOLD(rt_tgsigqueueinfo, victim, victim, SIGURG, &info);
  struct {
    int priority;
  } none = {0};
  TOLD(sched_setscheduler, victim, 5, &none);
  kill(victim, SIGKILL);
  TOLD(process_mrelease, handle, 0);
  waitpid(victim, NULL, 0);

  const int file = open("file", O_CREAT | O_RDWR, 0600);
  struct timeval times[2] = {{1, 0}, {2, 0}};
  TOLD(utimes, "file", times);
  TOLD(futimesat, AT_FDCWD, "file", times);
  struct {
    uint64_t value;
    uint32_t size, flags;
  } attribute = {(uintptr_t) "value", 5, 0};
  NUMBERED(setxattrat, 463, AT_FDCWD, "file", 0, "user.name", &attribute, sizeof attribute);
  NUMBERED(removexattrat, 466, AT_FDCWD, "file", 0, "user.name");
  char handle_bytes[136] = {128};
  int mount_id;
  TOLD(name_to_handle_at, AT_FDCWD, "file", handle_bytes, &mount_id, 0);
  TOLD(ioctl, file, 0x40049409, file);  // FICLONE

  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TOLD(pkey_mprotect, page, 4096l, PROT_READ | PROT_EXEC, -1);
  NUMBERED(memfd_secret, 447, 0);
  const int segment = (int)TOLD(shmget, IPC_PRIVATE, 4096l, IPC_CREAT | 0600);
  TOLD(shmctl, segment, IPC_RMID, NULL);
  const int queue = (int)TOLD(msgget, IPC_PRIVATE, IPC_CREAT | 0600);
  TOLD(msgctl, queue, IPC_RMID, NULL);
  const int set = (int)TOLD(semget, IPC_PRIVATE, 1, IPC_CREAT | 0600);
  TOLD(semctl, set, 0, IPC_RMID, 0l);
  struct rlimit limit = {1, 1};
  TOLD(setrlimit, RLIMIT_CORE, &limit);
  struct timespec now = {1, 0};
  TOLD(clock_settime, CLOCK_MONOTONIC, &now);
  TOLD(acct, "missing");
  TOLD(swapoff, "missing");
  TOLD(fsconfig, -1, 0, "key", NULL, 0);
  NUMBERED(open_tree_attr, 467, AT_FDCWD, "missing", 0, NULL, 0l);
  NUMBERED(landlock_restrict_self, 446, -1, 0);
  TOLD(request_key, "vedette", "none", NULL, 0);
  TOLD(kexec_file_load, -1, -1, 0l, NULL, 0x100l);
}

static void aio(const char* path) {
  const int file = open(path, O_CREAT | O_WRONLY, 0600);
  aio_context_t context = 0;
  char text[] = "written unseen";
  struct iocb nothing = {.aio_lio_opcode = IOCB_CMD_NOOP, .aio_fildes = (uint32_t)file};
  struct iocb write_it = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = (uint32_t)file, .aio_buf = (uintptr_t)text, .aio_nbytes = sizeof text - 1};
  struct iocb* both[] = {&write_it, &nothing};
  struct io_event done[2];
  TOLD(io_setup, 2, &context);
  TOLD(io_submit, context, 1l, both);
  syscall(SYS_io_getevents, context, 1l, 1l, done, NULL);
  printf("bytes: %ld\n", (long)done[0].res);
}

static void honest(void) {
  int count;
  char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  told("ioctl", ioctl(STDIN_FILENO, FIONREAD, &count));
  TOLD(pkey_mprotect, page, 4096l, PROT_READ, -1);
  told("madvise", madvise(page, 4096, MADV_DONTNEED));
  struct rlimit limit;
  told("getrlimit", getrlimit(RLIMIT_CORE, &limit));
  struct timespec now;
  told("clock_gettime", clock_gettime(CLOCK_REALTIME, &now));
  TOLD(sched_yield, 0);
  TOLD(flock, STDIN_FILENO, 8);
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 2 && strcmp(argv[1], "aio") == 0) aio(argv[2]);
  else if (argc > 1 && strcmp(argv[1], "quiet") == 0) quiet();
  else honest();
  return 0;
}
