// SPDX-License-Identifier: Apache-2.0
// vedette-jail [--memory-mib N] PROGRAM [ARGUMENT]...: runs a program that may compute, talk through the descriptors it was given, and read
// files, and nothing else: no socket, no new process, no file written, no other process touched. The kernel holds it to that
// (seccomp(2), with no_new_privs), whatever happens inside the program. The host puts a tenant's policies in there
// (`isolation: process`). It is checked, then executed: what it becomes inherits the filter.
//
//   refused with EPERM   sockets; clone that makes a process; opens that write, create or truncate; names changed, removed or
//                        made; ptrace and its kin; namespaces, mounts, modules, keys, bpf, perf, io_uring
//   answered ENOSYS      clone3 and openat2: their arguments stand in memory, where a filter cannot look; libc falls back
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace {

#if defined(__x86_64__)
constexpr unsigned kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArch = AUDIT_ARCH_AARCH64;
#endif

constexpr int kRefused[] = {
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_pidfd_open,
    SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_kill, SYS_tkill,
    SYS_truncate, SYS_renameat2, SYS_renameat, SYS_unlinkat, SYS_mkdirat, SYS_mknodat, SYS_linkat, SYS_symlinkat,
    SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_open_by_handle_at, SYS_memfd_create,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_open_tree, SYS_move_mount,
    SYS_fsopen, SYS_fsmount, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot,
    SYS_swapon, SYS_swapoff, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key,
    SYS_request_key, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_setuid, SYS_setgid,
    SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_capset, SYS_personality,
    SYS_quotactl, SYS_acct, SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_syslog,
#if defined(__x86_64__)
    SYS_fork, SYS_vfork, SYS_creat, SYS_rename, SYS_unlink, SYS_rmdir, SYS_mkdir, SYS_mknod, SYS_link, SYS_symlink,
    SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_ioperm, SYS_iopl, SYS_modify_ldt,
#endif
};
constexpr int kAbsent[] = {SYS_clone3, SYS_openat2};

constexpr unsigned kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

void load(std::vector<sock_filter>& program, size_t offset) {
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)));
}

void answer(std::vector<sock_filter>& program, unsigned action) {
  program.push_back(BPF_STMT(BPF_RET | BPF_K, action));
}

/// `number`: `action`. Every test is a pair of its own: a jump never reaches further than its answer.
void when(std::vector<sock_filter>& program, int number, unsigned action) {
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
  answer(program, action);
}

/// `number` is refused when argument `index` has (or, `wanted` false, lacks) one of `bits`.
void when_bits(std::vector<sock_filter>& program, int number, int index, unsigned bits, bool wanted) {
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 4));
  load(program, offsetof(seccomp_data, args) + sizeof(__u64) * static_cast<size_t>(index));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, static_cast<__u8>(wanted ? 0 : 1),
                             static_cast<__u8>(wanted ? 1 : 0)));
  answer(program, SECCOMP_RET_ERRNO | EPERM);
  answer(program, SECCOMP_RET_ALLOW);
}

std::vector<sock_filter> filter() {
  std::vector<sock_filter> program;
  load(program, offsetof(seccomp_data, arch));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0));
  answer(program, SECCOMP_RET_KILL_PROCESS);
  load(program, offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  // x32: the same calls under other numbers.
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));
  answer(program, SECCOMP_RET_KILL_PROCESS);
  when_bits(program, SYS_open, 1, kWrites, true);
#endif
  when_bits(program, SYS_openat, 2, kWrites, true);
  when_bits(program, SYS_clone, 0, CLONE_THREAD, false);
  for (const int number : kRefused) when(program, number, SECCOMP_RET_ERRNO | EPERM);
  for (const int number : kAbsent) when(program, number, SECCOMP_RET_ERRNO | ENOSYS);
  answer(program, SECCOMP_RET_ALLOW);
  return program;
}

int fail(const char* what) {
  fprintf(stderr, "vedette-jail: %s: %s\n", what, strerror(errno));
  return 125;
}

}  // namespace

int main(int argc, char** argv) {
  char** program_at = argv + 1;
  if (argc > 3 && strcmp(argv[1], "--memory-mib") == 0) {
    // Not RLIMIT_AS: V8 reserves gigabytes of addresses that it never uses, and those do not count here (getrlimit(2)).
    const rlim_t bytes = strtoul(argv[2], nullptr, 10) << 20;
    const rlimit most = {bytes, bytes};
    if (setrlimit(RLIMIT_DATA, &most) != 0) return fail("RLIMIT_DATA");
    program_at += 2;
  }
  if (*program_at == nullptr) {
    fprintf(stderr, "usage: vedette-jail [--memory-mib N] PROGRAM [ARGUMENT]...\n");
    return 2;
  }
  std::vector<sock_filter> program = filter();
  const sock_fprog what = {static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("no_new_privs");
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &what) != 0) return fail("seccomp");
  execv(*program_at, program_at);
  return fail(*program_at);
}
