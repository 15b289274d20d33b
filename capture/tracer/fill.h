// SPDX-License-Identifier: Apache-2.0
// How full the rings of the inline tier are, for whoever asks about once a second from another thread. The
// tracing thread says what it finds at each reading; the most that was found since the last question counts.
#pragma once

#include <atomic>
#include <cstdint>

namespace vedette {

class RingFill {
 public:
  // The tracing thread's.
  void add_ring(uint64_t bytes) { bytes_.store(bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed); }
  void remove_ring(uint64_t bytes) { bytes_.store(bytes_.load(std::memory_order_relaxed) - bytes, std::memory_order_relaxed); }
  void find(uint64_t waiting) {
    if (waiting > most_.load(std::memory_order_relaxed)) most_.store(waiting, std::memory_order_relaxed);
  }

  // Any thread's.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t take_most() { return most_.exchange(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> bytes_{0};  // of all rings
  std::atomic<uint64_t> most_{0};   // that waited in all rings together
};

}  // namespace vedette
