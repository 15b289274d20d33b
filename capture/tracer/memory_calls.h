// SPDX-License-Identifier: Apache-2.0
// The calls by which a program maps, unmaps or changes memory, by either convention, and what they are about: the memory that we
// keep in watched processes (the inline tier's page and rings, prevention's sealed arguments) must stay as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "capture/kernel/ptrace.h"

namespace vedette {

// Which argument is the address, and which the length (kPoint: it has none). `flag`: the address counts only when this is set
// in argument 3. `anywhere`: address 0 asks for any place.
struct MemoryCall {
  static constexpr uint8_t kPoint = 6;
  uint32_t nr;
  uint8_t address;
  uint8_t length;
  uint32_t flag = 0;
  bool anywhere = false;
};

// Of the native convention.
std::span<const MemoryCall> memory_calls();

// Addresses from `start` to before `end`.
struct MemoryRange {
  uint64_t start;
  uint64_t end;
};

// Would this call change something in the range? By the 32-bit convention the mmap of old, whose arguments lie in memory, is
// taken for one that does.
bool changes_memory(const SyscallInfo& info, MemoryRange range);

// The System V segment that this call would attach, or give other rights.
std::optional<int> named_segment(const SyscallInfo& info);

}  // namespace vedette
