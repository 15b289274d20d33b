// SPDX-License-Identifier: Apache-2.0
// A stopped task's memory, as decode asks for it: a few bytes here and a few there, often close together (a
// path, the argv behind it, what argv points to). Each read of another process costs more than what it
// copies, so one that is short brings along what lies behind it in the same page, and the next may find it
// there. For one look at one stop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "capture/decode/memory.h"
#include "capture/kernel/remote_memory.h"

namespace vedette {

class TaskMemory final : public Memory {
 public:
  explicit TaskMemory(RemoteMemory& memory) : memory_(memory) {}
  size_t read(uint64_t address, void* into, size_t size) override {
    if (size > kShort) return memory_.read(address, into, size);
    if (!holds(address, size)) {
      const uint64_t to_page_end = kPage - address % kPage;
      start_ = address;
      held_ = memory_.read(address, window_, std::min<uint64_t>(sizeof window_, to_page_end));
      if (!holds(address, size)) return memory_.read(address, into, size);
    }
    std::memcpy(into, window_ + (address - start_), size);
    return size;
  }

 private:
  static constexpr size_t kShort = 256;
  static constexpr uint64_t kPage = 4096;

  bool holds(uint64_t address, size_t size) const { return address - start_ <= held_ && held_ - (address - start_) >= size; }

  RemoteMemory& memory_;
  uint64_t start_ = 0;
  size_t held_ = 0;
  char window_[1024];
};

}  // namespace vedette
