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

// Of the others the kernel has none to say (ptrace(2), PTRACE_GETEVENTMSG).
bool has_message(Stop stop) { return stop == Stop::Forked || stop == Stop::Execed || stop == Stop::Exiting; }

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
  if (has_message(report.stop)) {
    if (const Result<unsigned long> message = ptrace_event_message(tid); message) report.message = *message;
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
