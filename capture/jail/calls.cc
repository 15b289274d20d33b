// SPDX-License-Identifier: Apache-2.0
// An allow-list: the jail refuses every call that is not on it. An earlier list of refused calls had
// forgotten a dozen. The calls are those of Node 20 on x86-64, by strace over the tests of cells, and those
// that libc and libuv make in their place elsewhere and in newer versions. Where a call may reach beyond the
// process, the filter looks at its arguments. All of these are numbers, which no thread can change behind the
// filter.
#include "capture/jail/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <initializer_list>

#include "capture/kernel/arch.h"
#include "capture/kernel/bpf.h"

namespace vedette::jail {
namespace {

/// Numbers behind it are of kernels that we do not know: libraries that try them fall back at ENOSYS. (mseal,
/// Linux 6.10.)
constexpr unsigned kNewestCall = 462;

using bpf::answer, bpf::argument, bpf::append, bpf::jump, bpf::load, bpf::Program;

// The most frequent first.
constexpr int kAllowed[] = {
    SYS_futex, SYS_epoll_pwait, SYS_read, SYS_write, SYS_mprotect, SYS_madvise, SYS_munmap,
    // memory
    SYS_brk, SYS_mremap, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_mincore,
    // descriptors that are there
    SYS_readv, SYS_pread64, SYS_preadv, SYS_writev, SYS_sendmsg, SYS_lseek, SYS_close, SYS_close_range, SYS_fstat, SYS_dup, SYS_dup3,
    SYS_getdents64, SYS_fadvise64, SYS_getsockopt, SYS_getsockname, SYS_shutdown, SYS_ppoll, SYS_epoll_create1, SYS_epoll_ctl,
    SYS_eventfd2, SYS_pipe2,
    // what a file is; not what is in it
    SYS_statx, SYS_newfstatat, SYS_readlinkat, SYS_faccessat, SYS_getcwd, SYS_statfs, SYS_fstatfs,
    // itself
    SYS_getpid, SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_capget, SYS_getrusage,
    SYS_getpriority, SYS_sched_getaffinity, SYS_sched_yield, SYS_sched_getparam, SYS_sched_getscheduler, SYS_uname, SYS_sysinfo, SYS_times,
    SYS_umask, SYS_getcpu,
    // threads and signals to itself
    SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_membarrier, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_restart_syscall, SYS_exit, SYS_exit_group,
    // time and chance
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_getrandom,
};
constexpr int kAbsent[] = {SYS_clone3, SYS_openat2, SYS_faccessat2};

constexpr unsigned kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
/// What threads of glibc and of musl are made with.
constexpr unsigned kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                             CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
constexpr unsigned kThreadOfMusl = kThread | CLONE_DETACHED;
/// Memory that others see, or that RLIMIT_DATA does not count.
constexpr unsigned kNoMap = MAP_SHARED | MAP_GROWSDOWN;
constexpr unsigned kSetVma = 0x53564d41;

constexpr unsigned kRefused = SECCOMP_RET_ERRNO | EPERM;

/// `number`: `action`. Every test is a pair of its own: a jump never reaches further than its answer.
void when(Program& program, long number, unsigned action) {
  append(program, {jump(BPF_JEQ, static_cast<unsigned>(number), 0, 1), answer(action)});
}

/// `number`, when argument `index` has none of `bits`: `action`; else refused.
void when_without(Program& program, long number, unsigned index, unsigned bits, unsigned action) {
  append(program, {
                      jump(BPF_JEQ, static_cast<unsigned>(number), 0, 4),
                      load(argument(index)),
                      jump(BPF_JSET, bits, 1, 0),
                      answer(action),
                      answer(kRefused),
                  });
}

/// `number`, when argument `index` is one of `values`; else refused.
void when_one_of(Program& program, long number, unsigned index, std::initializer_list<unsigned> values) {
  const uint8_t behind = static_cast<uint8_t>(2 + 2 * values.size());
  append(program, {jump(BPF_JEQ, static_cast<unsigned>(number), 0, behind), load(argument(index))});
  for (const unsigned value : values) when(program, static_cast<long>(value), SECCOMP_RET_ALLOW);
  program.push_back(answer(kRefused));
}

}  // namespace

Program filter(pid_t self) {
  Program program = {
      load(offsetof(seccomp_data, arch)),
      jump(BPF_JEQ, kAuditNative, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(offsetof(seccomp_data, nr)),
  };
  // x32: the same calls under other numbers.
  if (kForeignNumberBit != 0) append(program, {jump(BPF_JGE, kForeignNumberBit, 0, 1), answer(SECCOMP_RET_KILL_PROCESS)});
  for (const int number : kAllowed) when(program, number, SECCOMP_RET_ALLOW);
  for (const int number : older_calls()) when(program, number, SECCOMP_RET_ALLOW);
  const unsigned me = static_cast<unsigned>(self);
  when_without(program, SYS_mmap, 3, kNoMap, SECCOMP_RET_ALLOW);
  when_without(program, SYS_openat, 2, kWrites, SECCOMP_RET_USER_NOTIF);
  if (const auto open = older_open()) when_without(program, *open, 1, kWrites, SECCOMP_RET_USER_NOTIF);
  when(program, SYS_execve, SECCOMP_RET_USER_NOTIF);
  when_one_of(program, SYS_clone, 0, {kThread, kThreadOfMusl});
  when_one_of(program, SYS_kill, 0, {me});
  when_one_of(program, SYS_tgkill, 0, {me});
  when_one_of(program, SYS_prlimit64, 0, {0, me});
  when_one_of(program, SYS_setpriority, 0, {PRIO_PROCESS});
  when_one_of(program, SYS_fcntl, 1, {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL});
  when_one_of(program, SYS_ioctl, 1, {TCGETS, FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, TIOCGWINSZ});
  when_one_of(program, SYS_prctl, 0, {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, kSetVma});
  for (const int number : kAbsent) when(program, number, SECCOMP_RET_ERRNO | ENOSYS);
  append(program, {jump(BPF_JGT, kNewestCall, 0, 1), answer(SECCOMP_RET_ERRNO | ENOSYS), answer(kRefused)});
  return program;
}

}  // namespace vedette::jail
