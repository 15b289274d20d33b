// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/births.h"

#include <doctest/doctest.h>
#include <sched.h>

#include "capture/tracer/tasks.h"

using namespace vedette;

namespace {

Report stopped(int tid) { return {.tid = Tid(tid), .status = WaitStatus(PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f), .stop = Stop::Attached}; }
Report ended(int tid) { return {.tid = Tid(tid), .status = WaitStatus(SIGKILL), .stop = Stop::Ended}; }

Registers at(uint64_t ip, uint64_t sp) {
  Registers registers{};
  registers.set_ip(ip);
#if defined(__x86_64__)
  registers.raw.rsp = sp;
#else
  registers.raw.sp = sp;
#endif
  return registers;
}

struct Family {
  Births births;
  Tasks tasks;
  Ref<AddressSpace> space = make_ref<AddressSpace>();
  Task& task(int tid) { return tasks.add(Tid(tid), Tid(tid), space); }
  void depart(int tid) { births.depart(tasks.take(Tid(tid))); }
};

}  // namespace

TEST_CASE("a child that stopped before its maker told of it is taken once") {
  Family family;
  family.births.open(family.task(10), {});
  family.births.hear_of(stopped(20));
  CHECK_FALSE(family.births.take_orphan().has_value());
  REQUIRE(family.births.take(Tid(20)).has_value());
  CHECK_FALSE(family.births.take(Tid(20)).has_value());
}

TEST_CASE("the newest word of a child counts") {
  Family family;
  family.births.open(family.task(10), {});
  family.births.hear_of(stopped(20));
  family.births.hear_of(ended(20));
  const std::optional<Report> heard = family.births.take(Tid(20));
  REQUIRE(heard.has_value());
  CHECK(heard->stop == Stop::Ended);
}

TEST_CASE("somebody else's end makes no orphan of a child whose maker has still to tell") {
  Family family;
  Task& maker = family.task(10);
  family.births.open(family.task(11), {});
  family.births.open(maker, {});
  family.births.hear_of(stopped(20));
  family.depart(11);
  CHECK_FALSE(family.births.take_orphan().has_value());
  CHECK(family.births.close(maker) != nullptr);
  CHECK(family.births.take_orphan().has_value());
}

TEST_CASE("a birth that began after a child was heard of does not keep it waiting") {
  Family family;
  Task& maker = family.task(10);
  family.births.open(maker, {});
  family.births.hear_of(stopped(20));
  family.births.open(family.task(11), {});
  (void)family.births.close(maker);
  const std::optional<Report> orphan = family.births.take_orphan();
  REQUIRE(orphan.has_value());
  CHECK(orphan->tid == Tid(20));
}

TEST_CASE("the end of somebody whom nobody names is forgotten once no birth can be his") {
  Family family;
  Task& maker = family.task(10);
  family.births.open(maker, {});
  family.births.hear_of(ended(20));
  CHECK_FALSE(family.births.take_orphan().has_value());
  CHECK(family.births.stray_count() == 1);
  (void)family.births.close(maker);
  CHECK_FALSE(family.births.take_orphan().has_value());
  CHECK(family.births.stray_count() == 0);
}

TEST_CASE("an orphan's registers say who made it") {
  Family family;
  family.births.open(family.task(10), {.ip = 0x1000, .sp = 0x7000});
  family.births.open(family.task(11), {.flags = CLONE_VM, .ip = 0x1000, .sp = 0x6000, .stack = 0x5000});
  family.depart(10);
  family.depart(11);
  CHECK(family.births.maker_of(at(0x1000, 0x6000)) == nullptr);
  const std::unique_ptr<Task> with_stack = family.births.maker_of(at(0x1000, 0x5000));
  REQUIRE(with_stack != nullptr);
  CHECK(with_stack->tid == Tid(11));
  CHECK(with_stack->space == family.space);  // it shares the memory
  const std::unique_ptr<Task> copied = family.births.maker_of(at(0x1000, 0x7000));
  REQUIRE(copied != nullptr);
  CHECK(copied->tid == Tid(10));
  CHECK_FALSE(copied->space == family.space);
  CHECK(family.births.maker_of(at(0x1000, 0x7000)) == nullptr);
}
