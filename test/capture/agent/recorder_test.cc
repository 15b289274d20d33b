// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/recorder.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <thread>
#include <utility>
#include <vector>

#include "test/capture/state/world.h"

using namespace vedette;

namespace {

struct Recording : World {
  Clock clock;
  Spool spool{1u << 20, 0};
  LostCounters lost;
  Recorder recorder{{}, clock, spool, lost};
};

constexpr useconds_t kLongUs = 10'000;  // older than a batch gets

}  // namespace

TEST_CASE("what a burst has begun is sealed by the first tick that finds it old") {
  Recording r;
  r.recorder.on_burst();
  r.recorder.on_event(r.open(100, "/a", 3));
  r.recorder.on_burst_end();
  CHECK(r.spool.bytes() == 0);
  ::usleep(kLongUs);
  r.recorder.on_tick();
  CHECK(r.spool.bytes() > 0);
  const size_t sealed = r.spool.bytes();
  r.recorder.on_tick();
  CHECK(r.spool.bytes() == sealed);
}

TEST_CASE("what a burst has begun is due to the uplink once ticks rest, and an event alone is at once") {
  Recording r;
  Frame frame;
  r.recorder.on_burst();
  r.recorder.on_event(r.open(100, "/a", 3));
  r.recorder.on_burst_end();
  r.recorder.on_rest();
  CHECK(r.spool.take(frame) == Spool::Wake::Due);
  r.recorder.flush_due();
  CHECK(r.spool.take(frame) == Spool::Wake::Frame);
  CHECK(frame.events == 1);
  r.recorder.on_event(r.open(100, "/b", 4));
  CHECK(r.spool.take(frame) == Spool::Wake::Due);
}

TEST_CASE("an event outside a burst seals what the burst before has left to grow old") {
  Recording r;
  r.recorder.on_burst();
  r.recorder.on_event(r.open(100, "/a", 3));
  r.recorder.on_burst_end();
  ::usleep(kLongUs);
  r.recorder.on_event(r.open(100, "/b", 4));
  Frame frame;
  CHECK(r.spool.take(frame) == Spool::Wake::Frame);
  CHECK(frame.events == 2);
}

TEST_CASE("while the tracer is at it, the uplink rests before it looks again at a batch that is due") {
  Recording r;
  r.recorder.on_burst();
  r.recorder.on_event(r.open(100, "/a", 3));
  uint64_t pause_ns = 0;
  Spool::Wake wake = Spool::Wake::Closed;
  std::thread uplink([&] {
    const uint64_t start = monotonic_ns();
    r.recorder.flush_due();
    Frame frame;
    wake = r.spool.take(frame);
    pause_ns = monotonic_ns() - start;
  });
  uplink.join();
  r.recorder.on_burst_end();
  CHECK(wake == Spool::Wake::Due);
  CHECK(pause_ns >= Recorder::kPauseNs);
}

TEST_CASE("the number by which an end is acknowledged is that of no batch with events") {
  Recording r;
  r.recorder.on_event(r.open(100, "/a", 3));
  r.recorder.on_root_end(WaitStatus(0));
  r.recorder.on_event(r.open(100, "/b", 4));
  r.recorder.flush();
  std::vector<std::pair<uint64_t, uint64_t>> taken;  // the number of each frame, and how many events it has
  for (Frame frame; taken.size() < 4 && r.spool.take(frame) == Spool::Wake::Frame;) taken.emplace_back(frame.seq, frame.events);
  const std::vector<std::pair<uint64_t, uint64_t>> expected{{1, 1}, {2, 0}, {2, 0}, {3, 1}};
  CHECK(taken == expected);
}
