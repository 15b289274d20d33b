// SPDX-License-Identifier: Apache-2.0
// A call that the kernel does not run: its number is taken away at its stop, and what it returns is put into
// its registers.
#pragma once

#include <cstdint>

#include "capture/decode/call.h"
#include "capture/kernel/ptrace.h"
#include "capture/tracer/task.h"

namespace vedette {

inline constexpr int64_t kNoCall = -1;  // as a number: the kernel runs nothing and returns the result register

// The calling convention of a call that a task is stopped at.
Abi abi_of(const SyscallInfo& info);

// False: the task is gone.
bool answer_call(Task& task, Abi abi, int64_t result);
// At the return of a call that was answered, where `Task::answered` says that a profile may have answered it
// too.
void answer_again(Task& task);

}  // namespace vedette
