// SPDX-License-Identifier: Apache-2.0
// What waitpid said about one task, as a value that answers questions. A ptrace event lies in bits 16-23
// above a SIGTRAP (or, for PTRACE_EVENT_STOP of a seized task, above the signal that stopped the group); a
// system call's stop is SIGTRAP with bit 7 set, because we ask for PTRACE_O_TRACESYSGOOD.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cstdint>

namespace vedette {

class WaitStatus {
 public:
  constexpr WaitStatus() = default;
  constexpr explicit WaitStatus(int status) : status_(status) {}

  constexpr int get() const { return status_; }
  constexpr bool is_exited() const { return (status_ & 0x7f) == 0; }
  constexpr bool is_stopped() const { return (status_ & 0xff) == 0x7f; }
  constexpr bool is_signaled() const { return !is_exited() && !is_stopped() && status_ != 0xffff; }
  constexpr bool is_over() const { return is_exited() || is_signaled(); }

  constexpr int exit_code() const { return (status_ >> 8) & 0xff; }
  constexpr int term_signal() const { return status_ & 0x7f; }
  constexpr bool dumped_core() const { return (status_ & 0x80) != 0; }
  // The shell's number for an ended process: 128+n when a signal ended it.
  constexpr int shell_status() const { return is_exited() ? exit_code() : 128 + term_signal(); }

  constexpr int event() const { return (status_ >> 16) & 0xff; }
  constexpr int stop_signal() const { return (status_ >> 8) & 0x7f; }
  constexpr bool is_syscall_stop() const { return is_stopped() && event() == 0 && (status_ >> 8) == (SIGTRAP | 0x80); }
  // A seized task that stopped with its group, not one that merely attached or was interrupted (those say
  // SIGTRAP).
  constexpr bool is_group_stop() const {
    if (!is_stopped() || event() != PTRACE_EVENT_STOP) return false;
    const int signal = stop_signal();
    return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  }
  constexpr bool operator==(const WaitStatus&) const = default;

 private:
  int status_ = 0;
};

}  // namespace vedette
