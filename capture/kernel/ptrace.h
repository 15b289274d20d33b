// SPDX-License-Identifier: Apache-2.0
// Typed ptrace requests. Every one may answer ESRCH: the task was killed while it was stopped, or has been
// taken over by an exec. That is a normal value; the caller forgets the stop and waits for what comes next.
#pragma once

#include <signal.h>
#include <sys/ptrace.h>

#include <cstdint>

#include "capture/kernel/arch.h"
#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"
#include "capture/kernel/wait_status.h"

namespace vedette {

using SyscallInfo = ::__ptrace_syscall_info;

// How a stopped task goes on.
enum class Resume : uint8_t {
  Run,       // until the filter, an event or a signal stops it
  ToReturn,  // also stop where the call it is in returns
  Step,      // one instruction; into a signal's handler where one runs
  Listen,    // stay stopped with its group, but tell when that ends
  StepBlock,    // to the next branch
  Emulate,      // stop at the next call's entry, which then does not run
  EmulateStep,  // the same, or one instruction
};

Result<void> ptrace_seize(Tid tid, unsigned long options);
// The same of a task that runs and may be executing a program: EINTR when that has held it up for `most_ns`
// (deadline.h).
Result<void> ptrace_seize_within(uint64_t most_ns, Tid tid, unsigned long options);
// Of a task that is attached and stopped; options as at ptrace_seize.
Result<void> ptrace_set_options(Tid tid, unsigned long options);
Result<void> ptrace_resume(Tid tid, Resume how, int signal = 0);
Result<void> ptrace_interrupt(Tid tid);
struct Waited {
  Tid tid;
  WaitStatus status;
};
// What some task of ours has to tell. `block`: until there is something; EINTR: a signal came. Tid(): nothing
// now. ECHILD: no task is left.
Result<Waited> ptrace_wait_any(bool block);
// The next stop of this very task, whatever signal of our own comes between. It is looked at and not taken:
// whoever resumes the task takes it. ESRCH: the task is about to end or has ended, which is still to be heard
// by whoever waits for all.
Result<WaitStatus> ptrace_wait(Tid tid);
// Whether a stop or the end of this task waits to be heard.
bool ptrace_has_news(Tid tid);
Result<void> ptrace_detach(Tid tid, int signal = 0);
// Any other request, in the kernel's own terms.
Result<long> ptrace_request(long what, Tid tid, uint64_t address, void* data);

// The call a task is in: convention, number and arguments before it, the result after it.
Result<SyscallInfo> ptrace_syscall_info(Tid tid);
Result<unsigned long> ptrace_event_message(Tid tid);
Result<siginfo_t> ptrace_siginfo(Tid tid);
Result<void> ptrace_set_siginfo(Tid tid, const siginfo_t& info);
Result<uint64_t> ptrace_signal_mask(Tid tid);
Result<void> ptrace_set_signal_mask(Tid tid, uint64_t mask);

// The word at an address that is a multiple of its size.
Result<uint64_t> ptrace_peek(Tid tid, uint64_t address);
Result<void> ptrace_poke(Tid tid, uint64_t address, uint64_t word);
Result<Registers> ptrace_registers(Tid tid);
Result<void> ptrace_set_registers(Tid tid, const Registers& registers);
// Where it goes on: behind the call that it has stopped before.
Result<void> ptrace_set_ip(Tid tid, uint64_t ip);
// The register that the inline tier keeps a thread's context in: GS base.
Result<void> ptrace_set_thread_context(Tid tid, uint64_t value);
Result<uint64_t> ptrace_thread_context(Tid tid);

}  // namespace vedette
