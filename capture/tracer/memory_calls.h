// SPDX-License-Identifier: Apache-2.0
// The calls by which a program maps, unmaps or changes memory, by either convention, and what they are about:
// the memory that we keep in watched processes (the inline tier's page and rings, prevention's sealed
// arguments) must stay as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "capture/kernel/ptrace.h"

namespace vedette {

// The bits of an address that count. The kernel takes the others off for a program that has asked for that:
// bits 56 to 63 on arm64 (TBI), 57 to 62 on x86-64 (LAM). Whoever compares an address with our places takes
// them off first, in the filter by the mask.
inline constexpr uint64_t kAddressBits = (1ull << 56) - 1;
inline constexpr uint32_t kHighAddressBits = static_cast<uint32_t>(kAddressBits >> 32);
constexpr uint64_t untagged(uint64_t address) { return address & kAddressBits; }

// Which argument is the address, and which the length (kPoint: it has none). `flag`: the address counts only
// when this is set in argument 3. `anywhere`: address 0 asks for any place.
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

constexpr bool overlap(MemoryRange a, MemoryRange b) { return a.start < b.end && b.start < a.end; }

// What a call does with a range of addresses.
enum class MemoryDeed : uint8_t {
  Asks,        // maps something there if nothing lies there, else elsewhere: a hint
  AsksFirmly,  // maps something there if nothing lies there, else fails
  Replaces,    // maps something there whatever lies there
  Changes,     // unmaps, moves away, protects or gives advice about what lies there
};
struct MemoryUse {
  MemoryDeed deed;
  MemoryRange range;
};
struct MemoryUses {
  std::array<MemoryUse, 2> uses;
  size_t count = 0;
  const MemoryUse* begin() const { return uses.data(); }
  const MemoryUse* end() const { return uses.data() + count; }
};

// By the 32-bit convention the mmap of old, whose arguments lie in memory, is taken for one that changes
// everything.
MemoryUses memory_uses(const SyscallInfo& info);

// The System V segment that this call would attach, or give other rights.
std::optional<int> named_segment(const SyscallInfo& info);

}  // namespace vedette
