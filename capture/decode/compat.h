// SPDX-License-Identifier: Apache-2.0
// 32-bit calls (int 0x80) on x86-64: their numbers differ, and a few pass their arguments another way.
// Folding turns the registers into those of the native call, so that one table of roles serves both; structs
// are read by layout.h.
#pragma once

#include <cstdint>

#include "capture/decode/memory.h"
#include "capture/decode/syscalls.h"

namespace vedette {

enum class Fold : uint8_t {
  None,
  Join1,       // arguments 1 and 2 are the halves of a 64-bit one: truncate64
  Join2,       // 2 and 3, those behind move up: fanotify_mark
  Join3,       // 3 and 4, those behind stay: pread64, preadv2
  Join2Join4,  // 2 and 3, 4 and 5: fallocate
  Signed1,     // argument 1 is a signed 32-bit offset: lseek, truncate
  Ids16,       // 16-bit user and group ids, of which 0xffff means "none"
  Llseek,      // _llseek(fd, high, low, result, whence)
  Pages,       // mmap2: the offset counts pages
  Packed,      // mmap of old: one pointer to six arguments
  Command1,    // argument 1 is a command of System V IPC, perhaps with the bit of the newer structures
  Command2,    // argument 2 is
  Multiplex,   // socketcall(call, arguments)
  Ipc,         // ipc(call, first, second, third, pointer, fifth)
};

// What a socketcall number stands for; without a row: nothing of the capture set.
struct Multiplexed {
  const Row* row = nullptr;
  size_t arguments = 0;
};
Multiplexed find_multiplexed(uint32_t nr);

// What an ipc number stands for; nullptr: nothing of the capture set.
const Row* find_ipc_call(uint32_t nr);

// The native row of the call, its arguments folded; nullptr: a socketcall or an ipc that is not in the
// capture set.
const Row* unfold(const Row& row, Call& call, Memory& memory);

}  // namespace vedette
