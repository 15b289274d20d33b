// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/report.h"

namespace vedette {
namespace {

// A stop that the kernel makes for its own reasons carries the very code that the wait reported
// (kernel/signal.c, ptrace_do_notify). A signal's stop carries that signal; one that a program sent to itself
// may look like any stop, so the kernel is asked whether there is a newer one.
bool belongs(Tid tid, WaitStatus status, const siginfo_t& info) {
  const int code = status.get() >> 8;
  if (status.event() != 0 || status.is_syscall_stop()) return info.si_code == code;
  if (info.si_signo != status.stop_signal()) return false;
  return info.si_code != (SIGTRAP | PTRACE_EVENT_EXIT << 8) || !ptrace_has_news(tid);
}

// Of the others the kernel has none to say (ptrace(2), PTRACE_GETEVENTMSG); but for the status of one that
// ends, which stays as it is (Lives::hear_witness).
bool has_message(Stop stop) { return stop == Stop::Forked || stop == Stop::Execed; }

// The wait gave task and status together, so they belong together. Of a signal only SIGTRAP is looked into
// (name_step_trap).
bool says_all(WaitStatus status, Stop stop) { return !has_message(stop) && !(stop == Stop::Signalled && status.stop_signal() == SIGTRAP); }

// Who is killed in its stop comes to that before its end, and gets no further without us: from then on its
// message is its exit status. So any other message proves that it is still in the stop that was reported. The
// number of a task may look like a status; then it proves nothing.
bool proves_stop(unsigned long message) {
  constexpr unsigned long kSignalMax = 0xff, kStatusMax = 0xffff;  // with the mark of a core dump; of exit()
  return message > kStatusMax || (message > kSignalMax && (message & 0xff) != 0);
}

bool is_call(const SyscallInfo& info, Stop stop) {
  if (stop == Stop::Called) return info.op == PTRACE_SYSCALL_INFO_SECCOMP;
  return info.op == PTRACE_SYSCALL_INFO_ENTRY || info.op == PTRACE_SYSCALL_INFO_EXIT;
}

}  // namespace

std::optional<Report> gather(Tid tid, WaitStatus status) {
  Report report{.tid = tid, .status = status, .stop = name_stop(status)};
  if (report.stop == Stop::Ended) return report;
  if (report.stop == Stop::Called || report.stop == Stop::Returned) {
    // The kernel tells which stop this is from the stop itself, so there is no more to check.
    const Result<SyscallInfo> call = ptrace_syscall_info(tid);
    if (!call || !is_call(*call, report.stop)) return std::nullopt;
    report.call = *call;
    return report;
  }
  if (says_all(status, report.stop)) return report;
  if (has_message(report.stop)) {
    const Result<unsigned long> message = ptrace_event_message(tid);
    if (message) report.message = *message;
    if (message && proves_stop(*message)) return report;
  }
  // Read last: if the task is still in this stop now, it was when the message was read.
  const Result<siginfo_t> info = ptrace_siginfo(tid);
  if (!info || !belongs(tid, status, *info)) return std::nullopt;
  report.signal = *info;
  return report;
}

bool has_moved_on(const Report& report) {
  if (report.stop == Stop::Ended) return false;
  const Result<siginfo_t> info = ptrace_siginfo(report.tid);
  return !info || !belongs(report.tid, report.status, *info);
}

}  // namespace vedette
