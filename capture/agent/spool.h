// SPDX-License-Identifier: Apache-2.0
// What waits for the host: frames in order, bounded in bytes. The tracer puts in, the uplink takes out. When
// it is full the tracer waits a moment for room, and then the new batch is dropped and its events are
// counted: the workload goes on, the gap can be seen in the numbers. A batch with guarded events in it waits
// for as long as a host takes batches, and every batch under `block` for as long as it takes. A host that has
// hung or is gone takes none: once the tracer has waited for it for `patience_ns`, nothing waits until it
// takes one.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "capture/tracer/pulse.h"
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
  bool guarded = false;    // holds an event that is not shed where the host is slow: waits for room
  uint64_t seq = 0;        // what the host acknowledges it by
};

// What gives way when the host does not keep up.
enum class Overload : uint8_t {
  Shed,   // first the events of hot calls, from kPressed of the room on; guarded ones where no host takes any
  Block,  // nothing: the workload waits
};

class Spool {
 public:
  // A taker that may hear something wakes many times between two batches: what was emptied is kept meanwhile,
  // because memory that is new again with each batch costs the kernel a tenth of what the batch costs us.
  static constexpr uint64_t kKeptNs = 100'000'000;
  // Who looks so little before a batch is due need not look again.
  static constexpr uint64_t kSoonNs = 1'000'000;
  // A starved host answers within seconds; a workload that stands still for longer is thought to be down.
  static constexpr uint64_t kPatienceNs = 10'000'000'000;

  // `pulse`: of the thread that puts; while it waits for room it rests. nullptr: nobody looks.
  Spool(size_t bytes_max, uint64_t wait_ns, Overload overload = Overload::Shed, Pulse* pulse = nullptr,
        uint64_t patience_ns = kPatienceNs)
      : bytes_max_(bytes_max), wait_ns_(wait_ns), patience_ns_(patience_ns), overload_(overload), pulse_(pulse) {}

  // False: dropped.
  bool put(Frame frame);
  // The batch being filled must be sealed at this time (monotonic), if nothing else happens before.
  void set_due(uint64_t due_ns);

  enum class Wake : uint8_t { Frame, Due, Idle, Closed };
  // Blocks, at most until `idle_ns` (monotonic; 0: as long as it takes). Closed only when there is nothing
  // left.
  Wake take(Frame& into, uint64_t idle_ns = 0);
  // Bytes that were taken but must be kept until the host acknowledges them still fill the spool.
  void hold(size_t bytes);
  void release(size_t bytes);

  // So full that what may be shed is.
  bool is_pressed() const { return pressed_.load(std::memory_order_relaxed); }
  // From here on nothing waits for room.
  void hurry();
  // An emptied buffer, to be filled again: kept until nothing has come for a while.
  void recycle(std::vector<uint8_t> buffer);
  std::vector<uint8_t> fresh_buffer();

  void close();
  size_t bytes() const;
  size_t bytes_max() const { return bytes_max_; }

 private:
  void set_bytes(size_t bytes);
  bool wait_for_room(std::unique_lock<std::mutex>& lock, const Frame& frame);
  void note_taken();
  bool has_room(const Frame& frame) const;

  mutable std::mutex mutex_;
  std::atomic<bool> pressed_{false};
  std::condition_variable filled_;
  std::condition_variable drained_;
  std::deque<Frame> frames_;
  std::vector<std::vector<uint8_t>> spare_;
  size_t bytes_ = 0;
  const size_t bytes_max_;
  const uint64_t wait_ns_;
  const uint64_t patience_ns_;
  bool holds_ = false;      // a batch is taken when the host has acknowledged it, and not when it is sent
  uint64_t waited_ns_ = 0;  // for room, since a batch was taken last; patience_ns_ at most
  uint64_t takings_ = 0;
  const Overload overload_;
  Pulse* const pulse_;
  uint64_t due_ns_ = 0;  // 0: no batch is being filled
  uint64_t taken_ns_ = 0;  // when a frame was taken last
  uint64_t waits_until_ns_ = 0;  // of who takes frames; 0: it is not waiting
  bool hurried_ = false;
  bool closed_ = false;
};

}  // namespace vedette
