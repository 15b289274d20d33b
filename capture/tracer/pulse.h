// SPDX-License-Identifier: Apache-2.0
// Whether the tracing thread goes on. That thread counts the turns of its loop; the uplink's thread looks at
// the count and says to the host that the agent lives only while turns end. A thread that waits for a task,
// or for room in the spool, is not stuck, however long that takes: it says that it rests.
//
// The tracing thread reads no clock for this: a mark is one relaxed store. How long a turn has lasted is
// summed by who looks, and a gap between two looks counts for kLookMaxNs at most. So time in which nobody ran
// counts for nearly nothing: the machine slept, all threads were stopped or held by a debugger, or the
// container had used up its share of the processor.
#pragma once

#include <atomic>
#include <cstdint>

namespace vedette {

// Marked by the tracing thread only; read by any.
class Pulse {
 public:
  // A turn begins.
  void work() { turn_.store((turn() + 1) | 1, std::memory_order_relaxed); }
  // There is nothing to do until something comes from outside.
  void rest() { turn_.store((turn() + 1) & ~uint64_t{1}, std::memory_order_relaxed); }

  // Odd: in this turn it works. Even: it rests.
  uint64_t turn() const { return turn_.load(std::memory_order_relaxed); }
  static bool is_work(uint64_t turn) { return (turn & 1) != 0; }

  // A wait in the middle of a turn; what comes after it is a turn of its own.
  class Rest {
   public:
    explicit Rest(Pulse& pulse) : pulse_(pulse), worked_(is_work(pulse.turn())) { pulse_.rest(); }
    ~Rest() {
      if (worked_) pulse_.work();
    }
    Rest(const Rest&) = delete;
    Rest& operator=(const Rest&) = delete;

   private:
    Pulse& pulse_;
    const bool worked_;
  };

 private:
  std::atomic<uint64_t> turn_{0};
};

// Looks at a pulse, from one thread.
class PulseWatch {
 public:
  // A turn that has lasted so long is stuck. The host calls an agent silent that has said nothing for 5 s
  // (SILENT_MS of host/capture/heartbeat.ts); the last word comes in the turn's first 1.5 s. So an alert
  // means a turn of 5 s and more.
  static constexpr uint64_t kTurnMaxNs = 1'500'000'000;
  // The uplink looks every 100 ms, or sooner (kIdleListenNs of uplink.cc). A longer gap says that it did not
  // run either.
  static constexpr uint64_t kLookMaxNs = 250'000'000;

  explicit PulseWatch(const Pulse& pulse) : pulse_(pulse) {}
  // `now_ns`: monotonic.
  bool is_stuck(uint64_t now_ns);

 private:
  const Pulse& pulse_;
  uint64_t turn_ = 0;
  uint64_t looked_ns_ = 0;
  uint64_t lasted_ns_ = 0;
};

}  // namespace vedette
