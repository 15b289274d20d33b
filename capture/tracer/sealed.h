// SPDX-License-Identifier: Apache-2.0
// Memory of a watched process that nobody in it can write: where an argument goes that was judged, so that no
// other thread can change it before the kernel reads it. One System V segment, attached read-only at a fixed
// place in the guarded range of every process that needs it; we write into it from outside. Its mapping is
// shared, so even /proc/PID/mem does not write it (the kernel forces its way into private mappings only), and
// the filter stops every call that could put something else in its place, or attach it writable (guards,
// below).
//
//   judged argument -> a slot -> the argument register points to the slot -> the call runs -> the register is put back
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"
#include "capture/tracer/memory_calls.h"
#include "capture/tracer/segment.h"

namespace vedette {

class SealedMemory;

// A slot, as long as the call it was filled for.
class SealedSlot {
 public:
  SealedSlot() = default;
  SealedSlot(SealedSlot&& other) noexcept { swap(other); }
  SealedSlot& operator=(SealedSlot&& other) noexcept { swap(other); return *this; }
  ~SealedSlot() { reset(); }

  bool is_filled() const { return home_ != nullptr; }
  // In the watched process.
  uint64_t address() const;
  std::string_view bytes() const { return bytes_; }
  void reset();

 private:
  friend class SealedMemory;
  void swap(SealedSlot& other) {
    std::swap(home_, other.home_);
    std::swap(index_, other.index_);
    std::swap(bytes_, other.bytes_);
  }
  SealedMemory* home_ = nullptr;
  uint32_t index_ = 0;
  std::string_view bytes_;
};

class SealedMemory {
 public:
  static constexpr uint64_t kBase = 0x20000;
  static constexpr uint64_t kSlotBytes = 128;  // sizeof(sockaddr_storage)
  static constexpr uint32_t kSlots = 2048;
  static constexpr uint64_t kBytes = kSlots * kSlotBytes;

  SealedMemory();
  // False: the kernel has no System V memory for us.
  bool is_open() const { return segment_.is_open(); }
  int id() const { return segment_.id(); }

  // At most kSlotBytes. Not filled when all slots are taken: that many calls are under way.
  SealedSlot fill(std::string_view bytes);

  // What must stop for us so that is_attack can look at it.
  void add_guards(std::vector<FilterRule>& rules, bool inlined) const;
  // Would this call, by either convention, open the segment for writing?
  bool is_opened_by(const SyscallInfo& info) const;
  // Where it is attached: would the call change what lies there, or put something else in its place?
  static std::optional<MemoryDeed> harm_of(const SyscallInfo& info);
  static bool holds(uint64_t address) { return address - kBase < kBytes; }

 private:
  friend class SealedSlot;

  Segment segment_;
  std::vector<uint32_t> free_;
};

}  // namespace vedette
