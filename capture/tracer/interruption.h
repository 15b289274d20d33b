// SPDX-License-Identifier: Apache-2.0
// Calls that a signal interrupted. At the exit stop such a call shows one of the kernel's private ERESTART
// codes; what the program will see is decided later, when the kernel delivers the signal:
//
//   a handler runs, installed without SA_RESTART (or the call never restarts)  the program sees EINTR: one event, -EINTR
//   a handler runs and the call restarts when it returns                       the call is entered again, same ip, sp
//   the signal is ignored, stops the group, or another thread took it          and arguments: the same event goes on
//   the signal kills                                                           one event, in flight
//
// Which of the first two, only the kernel knows (no request reads a disposition). So the signal is delivered
// by a single step, which stops again at the handler's first instruction: the frame the kernel has just built
// holds the result register that the program will find after the handler. One more stop, and only for a
// signal that interrupts a call. A handler that jumps out (siglongjmp) leaves its call set aside until the
// task ends; kInterruptedMax bounds them.
//
// A task that is attached (outsiders/attachment.h) is not stepped: the processor's flag for that would
// outlive us, and SIGTRAP would end the program. Each of its calls stops, the return from a handler too, and
// there the same frame is read.
#pragma once

#include <cstdint>
#include <memory>

#include "capture/kernel/ptrace.h"
#include "capture/tracer/task.h"

namespace vedette {

class Calls;
struct Context;

// ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK
constexpr bool is_restart(int64_t result) {
  return result == -512 || result == -513 || result == -514 || result == -516;
}

void set_aside(Calls& calls, Task& task, std::unique_ptr<PendingCall> call);

// The interrupted call that this one repeats, if any.
std::unique_ptr<PendingCall> take_restarted(Task& task, const SyscallInfo& info);

// In a stop that we asked for: a wait that this stop has ended is made again, as most are, for as long as it
// was to last: once, so that stops that come again and again do not keep a timeout from ever being over. If a
// handler runs first, the program sees EINTR.
void make_again(Task& task);

// Delivers `signal`; out of an interrupted call so that the task stops at its handler, if it has one.
void deliver(Context& context, Task& task, int signal);

// What a SIGTRAP stop in Phase::Stepping is: the one at the handler's first instruction; the end of our step
// where no handler ran; or the program's own SIGTRAP.
enum class StepTrap : uint8_t { AtHandler, Stepped, Foreign };
StepTrap name_step_trap(const siginfo_t& signal);

// A call of an attached task: where it is a handler's return, what the interrupted call returns is known.
void on_handler_over(Calls& calls, Task& task, const SyscallInfo& info);

// The handler's first instruction is the next: what the interrupted call returns is known.
void on_handler_reached(Calls& calls, Task& task);

}  // namespace vedette
