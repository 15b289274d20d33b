// SPDX-License-Identifier: Apache-2.0
//
// Reaches into another process by every call that could: `reach_agent WHOM`, where WHOM is `parent` (the
// agent, for the workload's first process) or `own` (a child of its own: the honest control).
// `reach_agent PID` names one. Prints `WAY: ok` or `WAY: WHAT THE KERNEL SAID`, a line each. A way that this
// kernel or container does not have says so by its own error, for both.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../fixtures/call32.h"

static pid_t target;
static int is_own;
static volatile char* mark;  // of the child: at the same address as here

static void say(const char* way, long answer) { printf("%s: %s\n", way, answer < 0 ? strerror(errno) : "ok"); }

static char path[256];
static const char* proc(const char* name) {
  snprintf(path, sizeof path, "/proc/%d/%s", target, name);
  return path;
}

// ---- its files ----

// Opened for writing, and for the control a byte is written.
static void memory_at(const char* way, int fd) {
  long answer = fd;
  if (fd >= 0 && is_own) answer = pwrite(fd, "x", 1, (off_t)(uintptr_t)mark) == 1 && *mark == 'x' ? 0 : -1;
  say(way, answer);
  if (fd >= 0) close(fd);
}

static void memory_files(void) {
  memory_at("mem", open(proc("mem"), O_RDWR));
  memory_at("mem of a thread", open((snprintf(path, sizeof path, "/proc/%d/task/%d/mem", target, target), path), O_RDWR));
  memory_at("mem by self", open((snprintf(path, sizeof path, "/proc/self/../%d/mem", target), path), O_RDWR));
  memory_at("mem by thread-self", open((snprintf(path, sizeof path, "/proc/thread-self/../../../%d/mem", target), path), O_RDWR));
  unlink("link");
  if (symlink(proc("mem"), "link") == 0) memory_at("mem by a link", open("link", O_RDWR));
  const int folder = open(proc(""), O_PATH | O_DIRECTORY);
  memory_at("mem from its folder", openat(folder, "mem", O_RDWR));
  close(folder);
  char here[256];
  if (getcwd(here, sizeof here) != NULL && chdir(proc("")) == 0) memory_at("mem from within", open("mem", O_RDWR));
  (void)!chdir(here);
}

static void mounted_files(void) {
  mkdir("bound", 0700), mkdir("mounted", 0700);
  long answer = unshare(CLONE_NEWNS);
  if (answer == 0) answer = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  if (answer == 0) answer = mount(proc(""), "bound", NULL, MS_BIND, NULL);
  if (answer < 0) return say("mem of a bind mount", answer);
  memory_at("mem of a bind mount", open("bound/mem", O_RDWR));
  answer = mount("proc", "mounted", "proc", 0, NULL);
  if (answer < 0) return say("mem of another procfs", answer);
  snprintf(path, sizeof path, "mounted/%d/mem", target);
  // Stays open: what a file behind such a name is, is asked of the descriptor.
  const int fd = open(path, O_RDWR);
  say("mem of another procfs", fd < 0 || !is_own || pwrite(fd, "x", 1, (off_t)(uintptr_t)mark) == 1 ? fd : -1);
}

static void files(void) {
  static const char* const names[] = {"environ", "maps", "auxv", "fdinfo", "fd", "root", "cwd", "pagemap", "map_files"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const int fd = open(proc(names[i]), O_RDONLY);
    say(names[i], fd);
    if (fd >= 0) close(fd);
  }
  // Whoever looks through all processes, as ps does, reads these.
  static const char* const open_to_all[] = {"stat", "status", "cmdline"};
  for (size_t i = 0; i < sizeof open_to_all / sizeof *open_to_all; i++) {
    const int fd = open(proc(open_to_all[i]), O_RDONLY);
    say(open_to_all[i], fd);
    if (fd >= 0) close(fd);
  }
}

// ---- its memory, by calls ----

static void by_ptrace(void) {
  long answer = ptrace(PTRACE_SEIZE, target, NULL, NULL);
  say("ptrace seize", answer);
  if (answer == 0) return;
  answer = ptrace(PTRACE_ATTACH, target, NULL, NULL);
  say("ptrace attach", answer);
}

static void by_calls(void) {
  char byte = 'y';
  const struct iovec local = {&byte, 1}, remote = {(void*)mark, 1};
  say("process_vm_writev", process_vm_writev(target, &local, 1, &remote, 1, 0));
  say("process_vm_readv", process_vm_readv(target, &local, 1, &remote, 1, 0));
  void* page = (void*)((uintptr_t)mark & ~4095ul);
  int status = 0;
  say("move_pages", syscall(SYS_move_pages, target, 1, &page, NULL, &status, 0));
  const unsigned long nodes = 1;
  say("migrate_pages", syscall(SYS_migrate_pages, target, 8, &nodes, &nodes));
  say("kcmp", syscall(SYS_kcmp, getpid(), target, 0, 0, 0));
  void* head;
  size_t size;
  say("get_robust_list", syscall(SYS_get_robust_list, target, &head, &size));
  struct perf_event_attr count = {.type = PERF_TYPE_SOFTWARE, .size = sizeof count, .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1};
  const long counter = syscall(SYS_perf_event_open, &count, target, -1, -1, 0);
  say("perf_event_open", counter);
  if (counter >= 0) close((int)counter);
}

static void by_pidfd(void) {
  const int pidfd = (int)syscall(SYS_pidfd_open, target, 0);
  say("pidfd_open", pidfd);
  const int folder = open(proc(""), O_RDONLY | O_DIRECTORY);
  const int fd = pidfd >= 0 ? pidfd : folder;
  const long taken = syscall(SYS_pidfd_getfd, fd, 1, 0);
  say("pidfd_getfd", taken);
  if (taken >= 0) close((int)taken);
  const struct iovec remote = {(void*)((uintptr_t)mark & ~4095ul), 4096};
  say("process_madvise", syscall(SYS_process_madvise, fd, &remote, 1, MADV_COLD, 0));
  say("pidfd_send_signal by a folder", syscall(SYS_pidfd_send_signal, folder, SIGSTOP, NULL, 0));
  say("pidfd_send_signal", syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0));
  close(folder);
  if (pidfd >= 0) close(pidfd);
}

// ---- its limits and scheduling ----

static void limits(void) {
  const struct rlimit files = {64, 64};
  say("prlimit", prlimit(target, RLIMIT_NOFILE, &files, NULL));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  say("sched_setaffinity", sched_setaffinity(target, sizeof cpus, &cpus));
  const struct sched_param none = {0};
  say("sched_setscheduler", sched_setscheduler(target, SCHED_BATCH, &none));
  say("sched_setparam", sched_setparam(target, &none));
  const struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } batch = {48, SCHED_BATCH, 0, 0, 0, 0, 0, 0};
  say("sched_setattr", syscall(SYS_sched_setattr, target, &batch, 0));
  say("setpriority", setpriority(PRIO_PROCESS, (id_t)target, 19));
  say("ioprio_set", syscall(SYS_ioprio_set, 1, target, 3 << 13));
}

// ---- signals ----

static void queued(siginfo_t* info, int signal) {
  memset(info, 0, sizeof *info);
  info->si_signo = signal;
  info->si_code = SI_QUEUE;
  info->si_pid = getpid();
}

static void signals(void) {
  siginfo_t info;
  say("a signal that it passes on", kill(target, SIGWINCH));
  say("kill SIGSTOP", kill(target, SIGSTOP));
  say("tkill SIGSTOP", syscall(SYS_tkill, target, SIGSTOP));
  say("tgkill SIGSTOP", syscall(SYS_tgkill, target, target, SIGSTOP));
  queued(&info, SIGSTOP);
  say("rt_sigqueueinfo SIGSTOP", syscall(SYS_rt_sigqueueinfo, target, SIGSTOP, &info));
  say("rt_tgsigqueueinfo SIGSTOP", syscall(SYS_rt_tgsigqueueinfo, target, target, SIGSTOP, &info));
#ifdef __x86_64__
  say("32-bit kill SIGSTOP", call32(37, target, SIGSTOP, 0, 0, 0));
  say("32-bit tgkill SIGSTOP", call32(270, target, target, SIGSTOP, 0, 0));
#endif
}

// A descriptor tells its owner that there is something to read, by a signal that one may choose.
static void owners_signal(void) {
  int ends[2];
  if (pipe(ends) < 0) return;
  const int chosen = is_own ? SIGUSR1 : SIGKILL;
  say("F_SETSIG", fcntl(ends[0], F_SETSIG, chosen));
  (void)fcntl(ends[0], F_SETOWN, target);
  if (!is_own && fcntl(ends[0], F_SETFL, O_ASYNC) == 0) say("SIGIO", write(ends[1], "x", 1));
  close(ends[0]), close(ends[1]);
}

// Last: the control's child ends by the first of them.
static void kills(void) {
  static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGKILL};
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
    char way[32];
    snprintf(way, sizeof way, "kill %d", deadly[i]);
    say(way, kill(target, deadly[i]));
  }
}

static pid_t child(void) {
  const pid_t made = fork();
  if (made != 0) return made;
  signal(SIGUSR1, SIG_IGN);
  for (;;) pause();
}

int main(int argc, char** argv) {
  (void)argc;
  setvbuf(stdout, NULL, _IOLBF, 0);
  mark = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  is_own = strcmp(argv[1], "own") == 0;
  target = is_own ? child() : strcmp(argv[1], "parent") == 0 ? getppid() : atoi(argv[1]);
  files();
  memory_files();
  by_calls();
  limits();
  signals();
  by_pidfd();
  owners_signal();
  by_ptrace();
  mounted_files();
  kills();
  if (is_own) {
    int status;
    kill(target, SIGKILL), kill(target, SIGCONT);
    waitpid(target, &status, 0);
  }
  puts("end: ok");
  return 0;
}
