// SPDX-License-Identifier: Apache-2.0
// The raw system call is used throughout: glibc's ptrace() is variadic and turns PEEK's answer into errno
// games.
#include "capture/kernel/ptrace.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "capture/kernel/deadline.h"
#include "capture/kernel/kept.h"

namespace vedette {
namespace {

// glibc has no names for these on every processor.
constexpr long kEmulate = 31, kEmulateStep = 32, kStepBlock = 33;

bool only_reads(long what) {
  switch (what) {
    case PTRACE_GETREGSET:
    case PTRACE_GETSIGINFO:
    case PTRACE_GETEVENTMSG:
    case PTRACE_GET_SYSCALL_INFO:
    case PTRACE_GETSIGMASK:
    case PTRACE_PEEKDATA:
    case PTRACE_PEEKUSER: return true;
    default: return false;
  }
}

long request(long what, Tid tid, unsigned long address, void* data) {
  if (!only_reads(what)) let_go_of_kept();
  return ::syscall(SYS_ptrace, what, tid.get(), address, data);
}

void* as_data(unsigned long value) { return reinterpret_cast<void*>(value); }

}  // namespace

Result<void> ptrace_seize(Tid tid, unsigned long options) {
  return check(request(PTRACE_SEIZE, tid, 0, as_data(options)));
}

Result<void> ptrace_seize_within(uint64_t most_ns, Tid tid, unsigned long options) {
  const Result<long> answer = call_within(most_ns, SYS_ptrace, PTRACE_SEIZE, tid.get(), 0, static_cast<long>(options));
  return answer ? Result<void>() : answer.error();
}

Result<void> ptrace_set_options(Tid tid, unsigned long options) {
  return check(request(PTRACE_SETOPTIONS, tid, 0, as_data(options)));
}

Result<void> ptrace_resume(Tid tid, Resume how, int signal) {
  static constexpr long kRequests[] = {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_LISTEN, kStepBlock, kEmulate, kEmulateStep};
  return check(request(kRequests[static_cast<int>(how)], tid, 0, as_data(static_cast<unsigned long>(signal))));
}

Result<void> ptrace_interrupt(Tid tid) { return check(request(PTRACE_INTERRUPT, tid, 0, nullptr)); }

Result<Waited> ptrace_wait_any(bool block) {
  let_go_of_kept();
  int status = 0;
  const pid_t tid = ::waitpid(-1, &status, __WALL | (block ? 0 : WNOHANG));
  if (tid < 0) return Errno::last();
  return Waited{Tid(tid), WaitStatus(status)};
}

Result<WaitStatus> ptrace_wait(Tid tid) {
  let_go_of_kept();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(tid.get()), &info, WEXITED | WSTOPPED | WNOWAIT | __WALL) < 0) {
    if (errno != EINTR) return Errno::last();
  }
  // For a stop, si_status is what waitpid has above the 0x7f.
  const WaitStatus status(info.si_status << 8 | 0x7f);
  const bool is_over = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
  if (is_over || status.event() == PTRACE_EVENT_EXIT) return Errno(ESRCH);
  return status;
}

bool ptrace_has_news(Tid tid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(tid.get()), &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0 && info.si_pid != 0;
}

Result<void> ptrace_detach(Tid tid, int signal) {
  return check(request(PTRACE_DETACH, tid, 0, as_data(static_cast<unsigned long>(signal))));
}

Result<long> ptrace_request(long what, Tid tid, uint64_t address, void* data) {
  const long answer = request(what, tid, address, data);
  if (answer < 0) return Errno::last();
  return answer;
}

Result<SyscallInfo> ptrace_syscall_info(Tid tid) {
  SyscallInfo info;
  if (request(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) < 0) return Errno::last();
  return info;
}

Result<unsigned long> ptrace_event_message(Tid tid) {
  unsigned long message = 0;
  if (request(PTRACE_GETEVENTMSG, tid, 0, &message) < 0) return Errno::last();
  return message;
}

Result<siginfo_t> ptrace_siginfo(Tid tid) {
  siginfo_t info;
  if (request(PTRACE_GETSIGINFO, tid, 0, &info) < 0) return Errno::last();
  return info;
}

Result<void> ptrace_set_siginfo(Tid tid, const siginfo_t& info) {
  return check(request(PTRACE_SETSIGINFO, tid, 0, const_cast<siginfo_t*>(&info)));
}

Result<uint64_t> ptrace_signal_mask(Tid tid) {
  uint64_t mask = 0;
  if (request(PTRACE_GETSIGMASK, tid, sizeof mask, &mask) < 0) return Errno::last();
  return mask;
}

Result<void> ptrace_set_signal_mask(Tid tid, uint64_t mask) {
  return check(request(PTRACE_SETSIGMASK, tid, sizeof mask, &mask));
}

Result<uint64_t> ptrace_peek(Tid tid, uint64_t address) {
  uint64_t word = 0;
  if (request(PTRACE_PEEKDATA, tid, address, &word) < 0) return Errno::last();
  return word;
}

Result<void> ptrace_poke(Tid tid, uint64_t address, uint64_t word) {
  return check(request(PTRACE_POKEDATA, tid, address, as_data(word)));
}

}  // namespace vedette
