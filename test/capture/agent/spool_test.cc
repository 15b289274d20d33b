// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/spool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "capture/kernel/clock.h"

using namespace vedette;

namespace {

constexpr uint64_t kMillisecond = 1'000'000;

Frame frame(size_t bytes, uint64_t events) {
  Frame made;
  made.bytes.resize(bytes);
  made.events = events;
  return made;
}

}  // namespace

TEST_CASE("frames come out in the order they went in, and then the spool is closed") {
  Spool spool(1000, 0);
  REQUIRE(spool.put(frame(10, 1)));
  REQUIRE(spool.put(frame(20, 2)));
  CHECK(spool.bytes() == 30);
  spool.close();
  Frame out;
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  CHECK(out.events == 1);
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  CHECK(out.events == 2);
  CHECK(spool.take(out) == Spool::Wake::Closed);
}

TEST_CASE("a full spool waits a moment, then refuses, but never the end") {
  Spool spool(100, 5 * kMillisecond);
  REQUIRE(spool.put(frame(100, 1)));
  const uint64_t start = monotonic_ns();
  CHECK_FALSE(spool.put(frame(1, 1)));
  CHECK(monotonic_ns() - start >= 5 * kMillisecond);
  Frame end = frame(10, 0);
  end.essential = true;
  CHECK(spool.put(std::move(end)));
}

TEST_CASE("room made in time is used") {
  Spool spool(100, 2'000 * kMillisecond);
  REQUIRE(spool.put(frame(100, 1)));
  std::thread reader([&] {
    Frame out;
    (void)spool.take(out);
  });
  CHECK(spool.put(frame(50, 1)));
  reader.join();
}

TEST_CASE("a batch being filled wakes the taker when it is due") {
  Spool spool(100, 0);
  const uint64_t due = monotonic_ns() + 5 * kMillisecond;
  spool.set_due(due);
  Frame out;
  CHECK(spool.take(out) == Spool::Wake::Due);
  CHECK(monotonic_ns() >= due);
}

TEST_CASE("a recycled buffer keeps its room") {
  Spool spool(100, 0);
  std::vector<uint8_t> buffer(64);
  const uint8_t* const where = buffer.data();
  spool.recycle(std::move(buffer));
  const std::vector<uint8_t> again = spool.fresh_buffer();
  CHECK(again.empty());
  CHECK(again.data() == where);
}

TEST_CASE("between two batches a taker that hears nothing keeps the emptied buffer, and for a while only") {
  Spool spool(100, 0);
  Frame out;
  REQUIRE(spool.put(frame(64, 1)));
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  const uint8_t* const where = out.bytes.data();
  spool.recycle(std::move(out.bytes));
  CHECK(spool.take(out, monotonic_ns()) == Spool::Wake::Idle);
  std::vector<uint8_t> again = spool.fresh_buffer();
  CHECK(again.data() == where);
  spool.recycle(std::move(again));
  CHECK(spool.take(out, monotonic_ns() + Spool::kKeptNs) == Spool::Wake::Idle);
  CHECK(spool.fresh_buffer().capacity() == 0);
}

TEST_CASE("a batch with guarded events waits for room, under block every batch does") {
  for (const Overload overload : {Overload::Shed, Overload::Block}) {
    Spool spool(100, 0, overload);
    REQUIRE(spool.put(frame(100, 1)));
    std::thread reader([&] {
      Frame out;
      const timespec pause{0, 20 * kMillisecond};
      ::nanosleep(&pause, nullptr);
      (void)spool.take(out);
    });
    Frame batch = frame(50, 1);
    batch.guarded = overload == Overload::Shed;
    CHECK(spool.put(std::move(batch)));
    reader.join();
    CHECK(spool.bytes() == 50);
  }
}

TEST_CASE("for a host that takes nothing no batch waits longer than its patience, and none at all from then on") {
  constexpr uint64_t kPatience = 50 * kMillisecond;
  Spool spool(100, 5 * kMillisecond, Overload::Shed, nullptr, kPatience);
  REQUIRE(spool.put(frame(60, 1)));
  Frame out;
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  spool.hold(60);
  REQUIRE(spool.put(frame(40, 1)));
  const auto guarded = [](size_t bytes) {
    Frame made = frame(bytes, 1);
    made.guarded = true;
    return made;
  };
  const uint64_t start = monotonic_ns();
  CHECK_FALSE(spool.put(frame(20, 1)));  // its moment is part of the patience
  CHECK_FALSE(spool.put(guarded(20)));
  CHECK(monotonic_ns() - start >= kPatience);
  spool.release(10);  // it takes something again: it is waited for anew
  const uint64_t again = monotonic_ns();
  CHECK_FALSE(spool.put(guarded(20)));
  CHECK(monotonic_ns() - again >= kPatience);
  spool.release(50);
  CHECK(spool.put(guarded(20)));
}

TEST_CASE("a batch that is sent and not acknowledged is no sign that the host takes anything") {
  constexpr uint64_t kPatience = 60 * kMillisecond;
  Spool spool(100, 5 * kMillisecond, Overload::Shed, nullptr, kPatience);
  Frame out;
  REQUIRE(spool.put(frame(100, 1)));
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  spool.hold(100);
  std::atomic<bool> is_over = false;
  std::thread uplink([&] {
    while (!is_over) {
      Frame due = frame(1, 1);
      due.essential = true;
      (void)spool.put(std::move(due));
      Frame sent;
      if (spool.take(sent, monotonic_ns() + kMillisecond) == Spool::Wake::Frame) spool.hold(1);
    }
  });
  Frame guarded = frame(20, 1);
  guarded.guarded = true;
  const uint64_t start = monotonic_ns();
  CHECK_FALSE(spool.put(std::move(guarded)));
  CHECK(monotonic_ns() - start < 50 * kPatience);
  is_over = true;
  uplink.join();
}

TEST_CASE("for a host that takes some batch in time a guarded one waits as long as it takes") {
  constexpr uint64_t kPatience = 2'000 * kMillisecond;
  Spool spool(100, 0, Overload::Shed, nullptr, kPatience);
  REQUIRE(spool.put(frame(100, 1)));
  Frame out;
  REQUIRE(spool.take(out) == Spool::Wake::Frame);
  spool.hold(100);
  std::thread host([&] {
    for (int i = 0; i < 10; ++i) {
      const timespec pause{0, kPatience / 8};
      ::nanosleep(&pause, nullptr);
      spool.release(10);
    }
  });
  Frame batch = frame(100, 1);
  batch.guarded = true;
  CHECK(spool.put(std::move(batch)));
  host.join();
}

TEST_CASE("what was taken but is held fills the spool until it is released, and presses from three quarters on") {
  Spool spool(100, 0);
  REQUIRE(spool.put(frame(80, 1)));
  CHECK(spool.is_pressed());
  Frame out;
  (void)spool.take(out);
  CHECK_FALSE(spool.is_pressed());
  spool.hold(80);
  CHECK(spool.is_pressed());
  CHECK_FALSE(spool.put(frame(30, 1)));
  spool.release(80);
  CHECK(spool.put(frame(30, 1)));
  CHECK_FALSE(Spool(100, 0, Overload::Block).is_pressed());
}

TEST_CASE("a taker that has something to hear is woken when it wants, and nothing waits at the end") {
  Spool spool(100, 0, Overload::Block);
  Frame out;
  const uint64_t until = monotonic_ns() + 3 * kMillisecond;
  CHECK(spool.take(out, until) == Spool::Wake::Idle);
  CHECK(monotonic_ns() >= until);
  REQUIRE(spool.put(frame(100, 1)));
  spool.hurry();
  CHECK(spool.put(frame(50, 1)));
}
