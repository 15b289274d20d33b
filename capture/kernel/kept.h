// SPDX-License-Identifier: Apache-2.0
// What was read of a task in its present stop, because several parts ask for it, or one will. Dropped by
// whatever may change it, or may let the task go on, and by each wait; so it is of the stop at hand. It is of
// the thread that traces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "capture/kernel/arch.h"
#include "capture/kernel/tid.h"

namespace vedette {

struct KeptRegisters {
  Tid tid;
  Registers registers;
};
inline thread_local std::optional<KeptRegisters> kept_registers;

constexpr size_t kKeptBytesMax = 32;  // a build-id has 20

// Of its memory, brought by a call that read another place (RemoteMemory::read_with).
struct KeptBytes {
  Tid tid;
  uint64_t address = 0;
  size_t size = 0;
  std::array<char, kKeptBytesMax> bytes;
};
inline thread_local std::optional<KeptBytes> kept_bytes;

inline void let_go_of_kept() {
  kept_registers.reset();
  kept_bytes.reset();
}

// What a new image will be asked for beside its first stack: bytes so far from its first instruction. Size 0:
// nothing.
struct AskedOfImage {
  uint64_t from_entry = 0;
  size_t size = 0;
};
inline thread_local AskedOfImage asked_of_image;

}  // namespace vedette
