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

namespace {

// Another batch was sealed just now. So old is the next one when a tick comes.
bool is_sealed_after(Recording& r, useconds_t us) {
  ::usleep(us);
  r.recorder.on_tick();
  return r.spool.bytes() > 0;
}

void seal_one(Recording& r) {
  Frame frame;
  r.recorder.on_event(r.open(100, "/before", 3));
  r.recorder.flush();
  CHECK(r.spool.take(frame) == Spool::Wake::Frame);
}

void read_in_burst(Recording& r) {
  r.recorder.on_burst();
  r.recorder.on_event(r.call(100, "read", {3, 0, 0}, 0));
  r.recorder.on_burst_end();
}

}  // namespace

TEST_CASE("a host that asks for more time gets it for calls like read: a tick leaves their batch alone") {
  Recording r;
  r.recorder.batch_age(100);
  seal_one(r);
  read_in_burst(r);
  CHECK_FALSE(is_sealed_after(r, kLongUs));
  CHECK(is_sealed_after(r, 100'000));
}

TEST_CASE("an open makes its batch as prompt as ever, whatever the host asks for") {
  for (const bool comes_first : {true, false}) {
    Recording r;
    r.recorder.batch_age(100);
    seal_one(r);
    if (!comes_first) read_in_burst(r);
    r.recorder.on_burst();
    r.recorder.on_event(r.open(100, "/a", 3));
    r.recorder.on_burst_end();
    if (comes_first) read_in_burst(r);
    CHECK(is_sealed_after(r, kLongUs));
  }
  Recording r;
  r.recorder.batch_age(100);
  const uint64_t start = monotonic_ns();
  r.recorder.on_event(r.call(100, "read", {3, 0, 0}, 0));
  r.recorder.on_event(r.open(100, "/a", 3));
  Frame frame;
  CHECK(r.spool.take(frame, start + 99'000'000) == Spool::Wake::Due);
  CHECK(monotonic_ns() - start < 99'000'000);
}

TEST_CASE("what a host asks for is bounded, and one that says nothing more has what it always had") {
  Recording r;
  for (const uint64_t ms : {uint64_t{101}, uint64_t{1} << 40, ~uint64_t{0}}) {
    r.recorder.batch_age(ms);
    const uint64_t start = monotonic_ns();
    r.recorder.on_event(r.call(100, "read", {3, 0, 0}, 0));
    Frame frame;
    CHECK(r.spool.take(frame, start + 10 * Recorder::kAgeMostNs) == Spool::Wake::Due);
    CHECK(monotonic_ns() - start >= Recorder::kAgeMostNs - Spool::kSoonNs);
    r.recorder.flush();
    CHECK(r.spool.take(frame) == Spool::Wake::Frame);
  }
  r.recorder.batch_age(0);
  const uint64_t start = monotonic_ns();
  r.recorder.on_event(r.call(100, "read", {3, 0, 0}, 0));
  Frame frame;
  CHECK(r.spool.take(frame, start + Recorder::kAgeMostNs) == Spool::Wake::Due);
}
