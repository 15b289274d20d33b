// SPDX-License-Identifier: Apache-2.0
// What differs between processors, behind one interface: the registers of a stopped task and what a system
// call means in them. Each arch_*.h defines `struct Registers` with the same members; what is longer stands
// in files NAME_ARCH.cc, of which the Makefile takes the processor's. But for decode/call.h, which may
// include nothing of kernel/, no other file of capture/ asks for the processor by `#if`.
//   ip() sp()             where the task stands
//   number() argument(i)  the call, in a stop before it ran
//   set_number() set_argument() set_result() restore_arguments()
//   has_returned(ip)      as the task ends: whether the call that it made from before `ip` had come back, its result in result()
//   saved_result()        at a signal handler's first instruction: where the interrupted code's result register is kept
//   kAuditNative          what seccomp calls the native convention
//   kAuditForeign         what it calls the machine's other convention, that of 32-bit programs
//   kSyscallBytes         how far the kernel rewinds ip() to restart a call
//   kEndedByStops         waits that any stop ends with EINTR, of which the kernel decides after the stop whether they restart
#pragma once

#include <cstdint>

namespace vedette {

// How a wait is told how long it may last: a negative number or a null pointer means for ever.
enum class Timeout : uint8_t { None, Milliseconds, Pointer };

struct EndedByStops {
  uint64_t number;
  Timeout timeout;
  unsigned argument;  // where the timeout stands
};

}  // namespace vedette

#if defined(__x86_64__)
#include "capture/kernel/arch_x86_64.h"
#elif defined(__aarch64__)
#include "capture/kernel/arch_aarch64.h"
#else
#error "vedette-capture knows x86-64 and arm64"
#endif
