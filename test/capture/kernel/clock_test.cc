// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/clock.h"

#include <doctest/doctest.h>
#include <time.h>

using namespace vedette;

namespace {

uint64_t realtime_ns() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

int64_t distance(uint64_t a, uint64_t b) { return static_cast<int64_t>(a > b ? a - b : b - a); }

constexpr int64_t kMillisecond = 1'000'000;

}  // namespace

TEST_CASE("the clock says the time of day and never goes back") {
  const Clock clock;
  CHECK(distance(clock.now_ns(), realtime_ns()) < 10 * kMillisecond);
  uint64_t last = clock.now_ns();
  for (int i = 0; i < 1000; ++i) {
    const uint64_t now = clock.now_ns();
    REQUIRE(now >= last);
    last = now;
  }
}

TEST_CASE("a TSC value becomes the same clock's time") {
  Clock clock;
  if (!clock.has_tsc()) return;
  const timespec pause{0, 20 * kMillisecond};
  ::nanosleep(&pause, nullptr);
  clock.refresh();
  const uint64_t tsc = Clock::read_tsc();
  const uint64_t now = clock.now_ns();
  CHECK(distance(clock.from_tsc(tsc), now) < kMillisecond);
  ::nanosleep(&pause, nullptr);
  CHECK(distance(clock.from_tsc(Clock::read_tsc()), clock.now_ns()) < kMillisecond);
  CHECK(clock.tsc_hz() > 100'000'000);
}
