// SPDX-License-Identifier: Apache-2.0
// One system call as the kernel sees it: who, by which convention, the number and the six argument registers,
// and, once it has returned, the result. Filled by whoever watched (a ptrace stop, an inline record); decode
// reads nothing else but this and a Memory. Times are ns since the epoch. An i386 call's arguments are the
// 32-bit registers, zero-extended.
#pragma once

#include <cstdint>

namespace vedette {

enum class Abi : uint8_t { X86_64, I386, X32, Aarch64, Arm };

// Of this machine's own programs, and of the 32-bit programs that it can run too.
#if defined(__aarch64__)
inline constexpr Abi kNativeAbi = Abi::Aarch64, kForeignAbi = Abi::Arm;
#else
inline constexpr Abi kNativeAbi = Abi::X86_64, kForeignAbi = Abi::I386;
#endif

struct Call {
  uint32_t tid = 0;
  Abi abi = kNativeAbi;
  uint32_t nr = 0;
  uint64_t args[6] = {};
  uint64_t enter_ns = 0;
  uint64_t exit_ns = 0;
  int64_t result = 0;     // >= 0, or -errno; meaningful only when returned
  bool returned = false;  // false at the end: the thread was killed in the call
};

}  // namespace vedette
