// SPDX-License-Identifier: Apache-2.0
// What waits for the host: frames in order, bounded in bytes. The tracer puts in and is never kept waiting for long; the
// uplink takes out. When it is full the tracer waits a moment for room, and then the new batch is dropped and its events
// are counted: the workload goes on, the gap can be seen in the numbers.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "events.h"

namespace vedette {

// Cumulative counters, in the order of `lost:` in events.yaml.
class LostCounters {
 public:
  void add(Lost what, uint64_t events) { at(what).fetch_add(events, std::memory_order_relaxed); }
  uint64_t get(Lost what) const { return counters_[static_cast<size_t>(what)].load(std::memory_order_relaxed); }
  std::array<uint64_t, kLostCounters> all() const;
  uint64_t total() const;

 private:
  std::atomic<uint64_t>& at(Lost what) { return counters_[static_cast<size_t>(what)]; }
  std::array<std::atomic<uint64_t>, kLostCounters> counters_{};
};

struct Frame {
  std::vector<uint8_t> bytes;
  uint64_t events = 0;     // in this batch; 0 for other frames
  bool essential = false;  // never dropped for want of room: the end
};

class Spool {
 public:
  Spool(size_t bytes_max, uint64_t wait_ns) : bytes_max_(bytes_max), wait_ns_(wait_ns) {}

  // False: dropped.
  bool put(Frame frame);
  // The batch being filled must be sealed at this time (monotonic), if nothing else happens before.
  void set_due(uint64_t due_ns);

  enum class Wake : uint8_t { Frame, Due, Closed };
  // Blocks. Closed only when there is nothing left.
  Wake take(Frame& into);
  // An emptied buffer, to be filled again.
  void recycle(std::vector<uint8_t> buffer);
  std::vector<uint8_t> fresh_buffer();

  void close();
  size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<Frame> frames_;
  std::vector<std::vector<uint8_t>> spare_;
  size_t bytes_ = 0;
  const size_t bytes_max_;
  const uint64_t wait_ns_;
  uint64_t due_ns_ = 0;  // 0: no batch is being filled
  bool closed_ = false;
};

}  // namespace vedette
