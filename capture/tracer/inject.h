// SPDX-License-Identifier: Apache-2.0
// Makes a stopped task issue a system call of ours and puts it back as it was. For the inline tier, which
// must map its page into every image. The task goes through our filter like for any other call; stops that
// this causes are answered here, and nothing of it is recorded.
//
//   save registers and signal mask - block all signals - ip to a syscall instruction, number and arguments set -
//   resume - [seccomp stop - resume] - exit stop - read the result - restore
#pragma once

#include <array>
#include <cstdint>

#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"

namespace vedette {

struct InjectedCall {
  uint64_t nr = 0;
  std::array<uint64_t, 6> args{};
};

// `at`: the address of a syscall instruction in the task's memory (the vDSO has one). The task must be
// stopped, and not between a call's entry and its return. The call's answer (>= 0, or -errno); an Errno when
// the task is gone. A task that was killed in it is still reported by waitpid afterwards.
Result<int64_t> inject_call(Tid tid, uint64_t at, const InjectedCall& call);

// In a stop before a call of the program's has run: runs this one in its place, and puts the task back to
// where it makes its own again, which will stop it once more. `is_32`: by the 32-bit convention.
Result<int64_t> replace_call(Tid tid, const InjectedCall& call, bool is_32);

}  // namespace vedette
