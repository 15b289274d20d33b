// SPDX-License-Identifier: Apache-2.0
// A probe's child says its errno as its exit status (errnos are below 134). The tracing probes share one
// child, which stops itself and is killed when they are done.
#include "capture/kernel/probe.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "capture/kernel/features.h"
#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"
#include "capture/kernel/remote_memory.h"
#include "capture/kernel/seccomp.h"
#include "capture/kernel/wait_status.h"

namespace vedette {
namespace {

constexpr unsigned long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
                                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;

const char kReadOnly = 1;  // in memory that the child shares with us until somebody writes it

int error_of(const Result<void>& result) { return result ? 0 : result.error().get(); }

int in_child(int (*attempt)()) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(attempt());
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) < 0) return errno;
  return WaitStatus(status).is_exited() ? WaitStatus(status).exit_code() : EINTR;
}

int try_listener() {
  const std::vector<sock_filter> allow = build_filter({}, SECCOMP_RET_ALLOW);
  const Result<InstalledFilter> filter = install_filter(allow, features().wait_killable);
  return filter ? 0 : filter.error().get();
}

int try_memfd() {
  const Fd file(static_cast<int>(::syscall(SYS_memfd_create, "vedette-probe", MFD_CLOEXEC)));
  return file.is_open() ? 0 : errno;
}

int try_io_uring() {
  char parameters[256] = {};  // larger than struct io_uring_params, all zero
  const Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, parameters)));
  return ring.is_open() ? 0 : errno;
}

int try_user_dispatch() {
  constexpr int kOption = 59;  // PR_SET_SYSCALL_USER_DISPATCH; 0 switches it off, which changes nothing
  if (!features().user_dispatch) return ENOSYS;
  return ::prctl(kOption, 0, 0, 0, 0) < 0 ? errno : 0;
}

int try_gs_base(Tid child) {
  constexpr uint64_t kBase = 0x10000;
  if (const Result<void> set = ptrace_set_thread_context(child, kBase); !set) return set.error().get();
  const Result<uint64_t> after = ptrace_thread_context(child);
  return after && *after == kBase ? 0 : EIO;
}

int try_vm_read(Tid child) {
  char into = 0;
  iovec local{&into, 1}, remote{const_cast<char*>(&kReadOnly), 1};
  if (::process_vm_readv(child.get(), &local, 1, &remote, 1, 0) < 0) return errno;
  return into == kReadOnly ? 0 : EIO;
}

int try_proc_mem(Tid child) {
  const Fd memory = open_at(ProcPath(child, "mem"), O_RDWR);
  if (!memory.is_open()) return errno;
  const char other = 2;
  return ::pwrite(memory.get(), &other, 1, reinterpret_cast<off_t>(&kReadOnly)) == 1 ? 0 : errno;
}

void try_tracing(Probes& probes) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  if (child < 0) {
    probes.ptrace = probes.process_vm_readv = probes.proc_mem = probes.gs_base = errno;
    return;
  }
  const Tid tid(child);
  int status = 0;
  probes.ptrace = error_of(ptrace_seize(tid, kOptions));
  probes.process_vm_readv = try_vm_read(tid);
  if (probes.ptrace == 0 && ptrace_interrupt(tid) && ::waitpid(child, &status, __WALL) == child) {
    probes.gs_base = try_gs_base(tid);
  } else {
    probes.gs_base = probes.ptrace;
  }
  probes.proc_mem = try_proc_mem(tid);
  ::kill(child, SIGKILL);
  while (::waitpid(child, &status, __WALL) == child && !WaitStatus(status).is_over()) (void)ptrace_resume(tid, Resume::Run);
}

}  // namespace

Probes run_probes() {
  Probes probes;
  try_tracing(probes);
  probes.listener = in_child(try_listener);
  probes.memfd = in_child(try_memfd);
  probes.io_uring = in_child(try_io_uring);
  probes.user_dispatch = in_child(try_user_dispatch);
  return probes;
}

}  // namespace vedette
