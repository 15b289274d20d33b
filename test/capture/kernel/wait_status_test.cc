// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/wait_status.h"

#include <doctest/doctest.h>

#include "capture/tracer/stop.h"

using namespace vedette;

namespace {

constexpr WaitStatus stopped(int signal, int event = 0) { return WaitStatus(event << 16 | signal << 8 | 0x7f); }

}  // namespace

TEST_CASE("an ended process says its code or its signal") {
  CHECK(WaitStatus(3 << 8).is_exited());
  CHECK(WaitStatus(3 << 8).shell_status() == 3);
  CHECK(WaitStatus(SIGTERM).is_signaled());
  CHECK(WaitStatus(SIGTERM).shell_status() == 143);
  CHECK(WaitStatus(SIGSEGV | 0x80).dumped_core());
  CHECK(WaitStatus(SIGSEGV | 0x80).term_signal() == SIGSEGV);
}

TEST_CASE("every stop of a seized task has its name") {
  CHECK(name_stop(WaitStatus(0)) == Stop::Ended);
  CHECK(name_stop(WaitStatus(SIGKILL)) == Stop::Ended);
  CHECK(name_stop(stopped(SIGTRAP | 0x80)) == Stop::Returned);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_SECCOMP)) == Stop::Called);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_FORK)) == Stop::Forked);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_VFORK)) == Stop::Forked);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_CLONE)) == Stop::Forked);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_EXEC)) == Stop::Execed);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_EXIT)) == Stop::Exiting);
  CHECK(name_stop(stopped(SIGTRAP, PTRACE_EVENT_STOP)) == Stop::Attached);
  CHECK(name_stop(stopped(SIGTSTP, PTRACE_EVENT_STOP)) == Stop::Halted);
  CHECK(name_stop(stopped(SIGSTOP, PTRACE_EVENT_STOP)) == Stop::Halted);
  CHECK(name_stop(stopped(SIGSTOP)) == Stop::Signalled);
  CHECK(name_stop(stopped(SIGTRAP)) == Stop::Signalled);
}
