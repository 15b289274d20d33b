// SPDX-License-Identifier: Apache-2.0
// A stopped task's memory, as decode asks for it: a few bytes here and a few there, often close together (a
// path, the argv behind it, what argv points to). Each read of another process costs more than what it
// copies, so one that is short brings along what lies behind it in the same page, and the next may find it
// there. For one look at one stop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "capture/decode/memory.h"
#include "capture/kernel/remote_memory.h"

namespace vedette {

class TaskMemory final : public Memory {
 public:
  explicit TaskMemory(RemoteMemory& memory) : memory_(memory) {}
  size_t read(uint64_t address, void* into, size_t size) override {
    if (size > kShort) return memory_.read(address, into, size);
    const Window* window = holding(address, size);
    if (window == nullptr) {
      Window& next = windows_[std::exchange(next_, 1 - next_)];
      const RemoteMemory::Piece piece = window_at(next, address);
      next.held = memory_.read(address, piece.into, piece.size);
      if (!next.holds(address, size)) return memory_.read(address, into, size);
      window = &next;
    }
    std::memcpy(into, window->bytes + (address - window->start), size);
    return size;
  }
  // What stands at these two places will be asked for: one call brings both.
  void expect(uint64_t one, uint64_t other) {
    RemoteMemory::Piece pieces[] = {window_at(windows_[0], one), window_at(windows_[1], other)};
    if (!memory_.gather(pieces)) return;
    for (size_t i = 0; i < 2; ++i) windows_[i].held = pieces[i].size;
  }

 private:
  static constexpr size_t kShort = 256;
  static constexpr uint64_t kPage = 4096;

  struct Window {
    uint64_t start = 0;
    size_t held = 0;
    char bytes[1024];
    bool holds(uint64_t address, size_t size) const { return address - start <= held && held - (address - start) >= size; }
  };
  static RemoteMemory::Piece window_at(Window& window, uint64_t address) {
    window.start = address;
    window.held = 0;
    return {address, window.bytes, std::min<uint64_t>(sizeof window.bytes, kPage - address % kPage)};
  }
  const Window* holding(uint64_t address, size_t size) const {
    for (const Window& window : windows_) {
      if (window.holds(address, size)) return &window;
    }
    return nullptr;
  }

  RemoteMemory& memory_;
  Window windows_[2];  // a list of pointers, and what they point to
  unsigned next_ = 0;
};

}  // namespace vedette
