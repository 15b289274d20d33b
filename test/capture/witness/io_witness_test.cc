// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/io_witness.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <map>

using namespace vedette;

namespace {

constexpr uint32_t kTid = 7;

class FakeIo final : public KernelIo {
 public:
  std::optional<IoCounts> counts(uint32_t tid, IoScope scope) override {
    scopes[tid] = scope;
    ++asked;
    const auto found = counted.find(tid);
    return found == counted.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<uint32_t, IoCounts> counted;
  std::map<uint32_t, IoScope> scopes;
  int asked = 0;
};

struct Scene {
  FakeIo kernel;
  IoWitness witness{kernel, true};
  uint64_t now = 1;

  void record(EventId id, int64_t result, uint32_t tid = kTid) {
    Event event;
    event.reset(id);
    event.call.tid = tid;
    event.call.result = result;
    event.call.returned = true;
    witness.count(event);
  }
  std::optional<IoWitness::Mismatch> look() { return witness.look(now += IoWitness::kLookEveryNs); }
};

}  // namespace

TEST_CASE("what was recorded and what was counted agree at a thread's end") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::read, 100);
  scene.record(EventId::preadv, 20);
  scene.record(EventId::read, -EAGAIN);
  scene.record(EventId::writev, 7);
  scene.record(EventId::recvfrom, 1000);  // sockets' own calls are not counted by the kernel
  scene.record(EventId::copy_file_range, 5);
  scene.kernel.counted[kTid] = {.read = 125, .written = 12, .reads = 4, .writes = 2};
  CHECK_FALSE(scene.witness.on_exiting(kTid));
}

TEST_CASE("a call that is not on record, or was invented, is told of with its bytes") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::write, 10);
  scene.kernel.counted[kTid] = {.written = 14, .writes = 2};
  const auto skipped = scene.witness.on_exiting(kTid);
  REQUIRE(skipped);
  CHECK(skipped->text == "the kernel counted 14 bytes written, the records tell of 10");
  CHECK(skipped->difference == 4);
  CHECK_FALSE(scene.witness.on_exiting(kTid));  // once

  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::read, 10);
  scene.kernel.counted[kTid] = {};
  const auto invented = scene.witness.on_exiting(kTid);
  REQUIRE(invented);
  CHECK(invented->difference == -10);
}

TEST_CASE("a call that moved nothing counts or not, and one that no record tells of is found") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::read, 0);
  scene.record(EventId::read, -EBADF);
  scene.record(EventId::pwrite, -EAGAIN);
  uint64_t reads = 0;
  SUBCASE("none counted") { reads = 0; }
  SUBCASE("all counted") { reads = 2; }
  SUBCASE("one more") { reads = 3; }
  scene.kernel.counted[kTid] = {.reads = reads};
  const auto found = scene.witness.on_exiting(kTid);
  CHECK(found.has_value() == (reads > 2));
  if (found) CHECK(found->text == "the kernel counted 3 calls that read, the records tell of 0");
}

TEST_CASE("a call that waits is perhaps begun again, which the kernel counts; where it stops for us, that was seen") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  Event event;
  event.reset(EventId::read);
  event.call = {.tid = kTid, .enter_ns = 1000, .exit_ns = 21'000, .result = 5, .returned = true};
  bool is_known = false;
  SUBCASE("inline") {
    event.flags |= static_cast<uint16_t>(Tier::Inline);
    is_known = true;
  }
  SUBCASE("traced, unseen") {}
  SUBCASE("traced, interrupted") {
    scene.witness.on_interrupted(event);
    scene.witness.on_interrupted(event);
    is_known = true;
  }
  scene.witness.count(event);
  scene.kernel.counted[kTid] = {.read = 5, .reads = 3};
  CHECK(scene.witness.on_exiting(kTid).has_value() == !is_known);
}

TEST_CASE("before an exec all must agree, to the byte, and after it both counts begin anew") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::write, 3);
  scene.kernel.counted[kTid] = {.written = 3, .writes = 1};
  CHECK_FALSE(scene.witness.on_executing(kTid));
  scene.kernel.counted[kTid] = {.read = 1200, .written = 3, .reads = 7, .writes = 1};
  for (int round = 0; round < 4; ++round) CHECK_FALSE(scene.look());
  scene.witness.on_exec(kTid, kTid);
  scene.record(EventId::read, 1);
  scene.kernel.counted[kTid] = {.read = 1201, .written = 3, .reads = 8, .writes = 1};
  CHECK_FALSE(scene.witness.on_exiting(kTid));

  scene.kernel.counted[kTid].read = 1202;
  const auto skipped = scene.witness.on_executing(kTid);
  REQUIRE(skipped);
  CHECK(skipped->difference == 1);
}

TEST_CASE("a file that the kernel refused to execute may have been read, and excuses nothing") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  CHECK_FALSE(scene.witness.on_executing(kTid));
  scene.kernel.counted[kTid] = {.read = 256, .reads = 1};
  scene.record(EventId::execve, -ENOEXEC);
  CHECK_FALSE(scene.witness.on_exiting(kTid));
  SUBCASE("later") {}
  SUBCASE("before one that we refused ourselves") { scene.record(EventId::execve, -EPERM); }
  scene.kernel.counted[kTid].read += 1;
  CHECK(scene.witness.on_exiting(kTid));
}

TEST_CASE("a splice may count as written, or not") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.record(EventId::splice, 50);
  scene.record(EventId::sendfile, 8);
  for (const uint64_t written : {8u, 58u}) {
    scene.kernel.counted[kTid] = {.read = 8, .written = written, .reads = 1, .writes = 1};
    CHECK_FALSE(scene.witness.on_exiting(kTid));
  }
}

TEST_CASE("a thread that runs is not blamed for the call it has not recorded yet, but for one it never does") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  uint64_t counted = 0;
  for (int round = 0; round < 5; ++round) {  // always caught between the call and its record
    counted += 10;
    scene.kernel.counted[kTid] = {.read = counted, .reads = counted / 10};
    CHECK_FALSE(scene.look());
    scene.record(EventId::read, 10);
  }
  int looks = 0;
  while (!scene.look()) {
    counted += 10;
    scene.kernel.counted[kTid] = {.read = counted, .reads = counted / 10};
    REQUIRE(++looks < 5);
  }
}

TEST_CASE("a thread that stands in a call is not judged by what it moved in it") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.kernel.counted[kTid] = {.read = 10, .reads = 1};
  for (int round = 0; round < 5; ++round) CHECK_FALSE(scene.look());
}

TEST_CASE("a record of what the kernel has not counted is told of when the next look finds it again") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.kernel.counted[kTid] = {.read = 10, .reads = 1};
  scene.record(EventId::read, 11);
  CHECK_FALSE(scene.look());
  CHECK(scene.look());
}

TEST_CASE("a number that was another thread's for the length of an exec is nobody's deceit") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.kernel.counted[kTid] = {.read = 10, .reads = 1};
  scene.record(EventId::read, 10);
  CHECK_FALSE(scene.look());
  scene.kernel.counted[kTid] = {};  // the one that executes a program, with its leader's number already
  CHECK_FALSE(scene.look());
  scene.kernel.counted[kTid] = {.read = 10, .reads = 1};
  for (int round = 0; round < 3; ++round) CHECK_FALSE(scene.look());
}

TEST_CASE("looks are few, whatever the number of threads, and come round to all") {
  Scene scene;
  constexpr uint32_t kThreads = 1000;
  for (uint32_t tid = 1; tid <= kThreads; ++tid) {
    scene.witness.on_birth(tid, tid, 1);
    scene.kernel.counted[tid] = {};
  }
  (void)scene.look();
  CHECK(scene.kernel.asked >= static_cast<int>(IoWitness::kLooksMax));
  CHECK(scene.kernel.asked < static_cast<int>(2 * IoWitness::kLooksMax));
  scene.record(EventId::read, 1, kThreads);
  bool told = false;
  for (int looks = 0; looks < 40 && !told; ++looks) told = scene.look().has_value();
  CHECK(told);
}

TEST_CASE("a process's sum serves until it has a second thread or a child, and after that no more") {
  Scene scene;
  scene.witness.on_birth(kTid, kTid, 1);
  scene.kernel.counted[kTid] = {};
  CHECK_FALSE(scene.witness.on_exiting(kTid));
  CHECK(scene.kernel.scopes[kTid] == IoScope::Process);
  SUBCASE("thread") { scene.witness.on_birth(kTid + 1, kTid, kTid); }
  SUBCASE("child") { scene.witness.on_birth(kTid + 1, kTid + 1, kTid); }
  scene.witness.on_exec(kTid, kTid);
  CHECK_FALSE(scene.witness.on_exiting(kTid));
  CHECK(scene.kernel.scopes[kTid] == IoScope::Thread);
}

TEST_CASE("whose birth was not seen is not judged, nor who is gone") {
  Scene scene;
  scene.kernel.counted[kTid] = {.read = 5, .written = 5};
  CHECK_FALSE(scene.witness.on_exiting(kTid));
  scene.witness.on_birth(kTid, kTid, 1);
  scene.kernel.counted.clear();
  CHECK_FALSE(scene.witness.on_exiting(kTid));
}

TEST_CASE("the kernel counts what this thread reads") {
  ProcKernelIo kernel;
  const auto tid = static_cast<uint32_t>(::gettid());
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  for (const IoScope scope : {IoScope::Thread, IoScope::Process}) {
    const auto before = kernel.counts(tid, scope);
    REQUIRE(before);
    char bytes[5] = {};
    REQUIRE(::write(ends[1], bytes, sizeof bytes) == sizeof bytes);
    const auto after = kernel.counts(tid, scope);
    REQUIRE(after);
    CHECK(after->written - before->written == sizeof bytes);
  }
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK_FALSE(kernel.counts(0, IoScope::Process));
}
