// SPDX-License-Identifier: Apache-2.0
// One clock for all tiers: ns since the epoch, taken from the kernel's monotonic clock plus an offset, so
// that a latency is never negative when somebody sets the time of day. The offset is measured again by
// refresh(), which whoever seals batches calls: from the next batch on times follow the new clock, back too,
// while the order of records stays.
//
// Traced events ask the kernel (vDSO: about 25 ns beside a stop's 8,000). Inline records carry a raw TSC
// value; a pair of readings taken at refresh() turns it into the same clock. Both come from the same counter,
// so they agree to about 100 ns. Where the TSC is not invariant, has_tsc() is false and the inline tier must
// not be used.
#pragma once

#include <atomic>
#include <cstdint>

namespace vedette {

class Clock {
 public:
  // Later: the rate is measured from now on, but not waited for; settle() must come before the first
  // from_tsc.
  enum class Settles : bool { Now, Later };
  explicit Clock(Settles when = Settles::Now);
  // Waits until the rate is known well enough: not at all 2 ms after the start.
  void settle();

  uint64_t now_ns() const;
  void refresh();

  bool has_tsc() const { return has_tsc_; }
  static uint64_t read_tsc();
  // A TSC value of the last or next minute.
  uint64_t from_tsc(uint64_t tsc) const;
  // Ticks of the TSC in a second, as measured so far; 0: not known.
  uint64_t tsc_hz() const;

 private:
  struct Pair {
    uint64_t tsc;
    uint64_t monotonic_ns;
  };
  static Pair take_pair();

  std::atomic<int64_t> offset_ns_{0};      // realtime - monotonic
  bool has_tsc_;
  bool settled_ = false;
  Pair first_;
  std::atomic<uint64_t> base_tsc_{0};
  std::atomic<uint64_t> base_ns_{0};       // monotonic at base_tsc_
  std::atomic<uint64_t> ns_per_tick_{0};   // fixed point, kTickShift bits behind the point
};

uint64_t monotonic_ns();

}  // namespace vedette
