// SPDX-License-Identifier: Apache-2.0
// Calibration: the rate is the slope between the first pair of readings ever taken and the newest, so it gets
// better by itself; a pair's error is bounded by bracketing the TSC read between two clock reads and keeping
// the tightest of some tries. The first 10 ms of the agent's life give a rate good to about 10 ppm.
#include "capture/kernel/clock.h"

#include <time.h>

#include "capture/kernel/ticks.h"

namespace vedette {
namespace {

constexpr unsigned kTickShift = 32;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kFirstSlopeNs = 2'000'000;   // how long the first measuring takes
constexpr int64_t kStepNs = 1'000'000;          // a smaller drift of realtime against monotonic is not worth a change

uint64_t read_clock(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }

uint64_t Clock::read_tsc() { return read_ticks(); }

Clock::Clock(Settles when) : has_tsc_(ticks_are_invariant()), first_(take_pair()) {
  if (when == Settles::Now) {
    settle();
  } else {
    refresh();
  }
}

void Clock::settle() {
  if (settled_) return;
  settled_ = true;
  while (monotonic_ns() - first_.monotonic_ns < kFirstSlopeNs) {
  }
  refresh();
}

uint64_t Clock::now_ns() const {
  return monotonic_ns() + static_cast<uint64_t>(offset_ns_.load(std::memory_order_relaxed));
}

Clock::Pair Clock::take_pair() {
  constexpr int kTries = 8;
  Pair best{};
  uint64_t narrowest = ~0ull;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = monotonic_ns();
    const uint64_t tsc = read_tsc();
    const uint64_t after = monotonic_ns();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = {tsc, before + (after - before) / 2};
  }
  return best;
}

void Clock::refresh() {
  const int64_t offset = static_cast<int64_t>(read_clock(CLOCK_REALTIME) - monotonic_ns());
  const int64_t drift = offset - offset_ns_.load(std::memory_order_relaxed);
  if (drift > kStepNs || drift < -kStepNs) offset_ns_.store(offset, std::memory_order_relaxed);
  const Pair now = take_pair();
  if (now.tsc <= first_.tsc) return;
  const unsigned __int128 ns = static_cast<unsigned __int128>(now.monotonic_ns - first_.monotonic_ns) << kTickShift;
  ns_per_tick_.store(static_cast<uint64_t>(ns / (now.tsc - first_.tsc)), std::memory_order_relaxed);
  base_ns_.store(now.monotonic_ns, std::memory_order_relaxed);
  base_tsc_.store(now.tsc, std::memory_order_release);
}

uint64_t Clock::from_tsc(uint64_t tsc) const {
  const uint64_t base = base_tsc_.load(std::memory_order_acquire);
  const __int128 ticks = static_cast<int64_t>(tsc - base);
  const int64_t since = static_cast<int64_t>((ticks * ns_per_tick_.load(std::memory_order_relaxed)) >> kTickShift);
  return base_ns_.load(std::memory_order_relaxed) + static_cast<uint64_t>(since) +
         static_cast<uint64_t>(offset_ns_.load(std::memory_order_relaxed));
}

uint64_t Clock::tsc_hz() const {
  const uint64_t rate = ns_per_tick_.load(std::memory_order_relaxed);
  return rate == 0 ? 0 : static_cast<uint64_t>((static_cast<unsigned __int128>(kSecond) << kTickShift) / rate);
}

}  // namespace vedette
