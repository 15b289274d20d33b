// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/tasks.h"

#include <doctest/doctest.h>

using namespace vedette;

TEST_CASE("an exec from a thread gives it the leader's number and ends the leader") {
  Tasks tasks;
  const Ref<AddressSpace> space = make_ref<AddressSpace>();
  tasks.add(Tid(10), Tid(10), space);
  Task& thread = tasks.add(Tid(12), Tid(10), space);
  thread.call = tasks.borrow_call();
  thread.call->nr = 59;
  Task& renamed = tasks.rename(Tid(12), Tid(10));
  CHECK(renamed.tid == Tid(10));
  CHECK(renamed.memory.tid() == Tid(10));
  CHECK(renamed.is_leader());
  REQUIRE(renamed.call != nullptr);
  CHECK(renamed.call->nr == 59);
  CHECK(tasks.find(Tid(12)) == nullptr);
  CHECK(tasks.find(Tid(10)) == &renamed);
  CHECK(tasks.size() == 1);
}

TEST_CASE("strangers do not keep us: what counts is whether any of ours is left") {
  Tasks tasks;
  const Ref<AddressSpace> space = make_ref<AddressSpace>();
  tasks.add(Tid(1), Tid(1), space);
  Task& stranger = tasks.add(Tid(5), Tid(5), space);
  tasks.mark_stranger(stranger);
  tasks.mark_stranger(stranger);
  tasks.mark_stranger(tasks.add(Tid(6), Tid(5), space));
  CHECK(tasks.has_own());
  tasks.rename(Tid(6), Tid(5));  // an exec from its thread
  tasks.remove(Tid(1));
  CHECK_FALSE(tasks.has_own());
  tasks.add(Tid(5), Tid(5), space);  // the number is given again, to one of ours
  CHECK(tasks.has_own());
}

namespace {

struct Stranger : Task {
  Stranger() : Task(Tid(5), Tid(5), make_ref<AddressSpace>()) { has_filter = false; }
};

}  // namespace

TEST_CASE("a stranger is stopped at every call until it has our filter, whatever it does and executes before") {
  Stranger stranger;
  CHECK(stranger.trap() == Trap::Every);
  CHECK(stranger.may_enlist());
  SUBCASE("an image that cannot take it") { stranger.cannot_enlist(); }
  SUBCASE("an image that is distrusted") { stranger.distrust(); }
  SUBCASE("one that cannot take it, and is distrusted") {
    stranger.cannot_enlist();
    stranger.distrust();
  }
  SUBCASE("nothing") {}
  stranger.begin_image();
  CHECK(stranger.trap() == Trap::Every);
  CHECK(stranger.may_enlist());
  stranger.enlisted();
  CHECK(stranger.trap() == Trap::Filter);
}

TEST_CASE("a distrusted image is stopped at every call, and so is a copy of it; the next image is not") {
  Task task(Tid(5), Tid(5), make_ref<AddressSpace>());
  CHECK(task.trap() == Trap::Filter);
  task.distrust();
  task.stop_at_each_call();
  CHECK(task.is_distrusted());
  CHECK_FALSE(task.may_enlist());
  Task copy(Tid(6), Tid(6), make_ref<AddressSpace>());
  copy.watch_as(task);
  CHECK(copy.trap() == Trap::Every);
  task.begin_image();
  CHECK(task.trap() == Trap::Filter);
}

TEST_CASE("who traces others is stopped at every call in its next image, too, and is given no second filter") {
  Task task(Tid(5), Tid(5), make_ref<AddressSpace>());
  task.debugs = true;
  task.stop_at_each_call();
  task.begin_image();
  CHECK(task.trap() == Trap::Every);
  CHECK_FALSE(task.may_enlist());
}

TEST_CASE("an image's data goes with its last task") {
  struct Data final : ImageData {
    explicit Data(int& alive) : alive(alive) { ++alive; }
    ~Data() override { --alive; }
    std::unique_ptr<ImageData> copy() const override { return std::make_unique<Data>(alive); }
    int& alive;
  };
  int alive = 0;
  Tasks tasks;
  const Ref<AddressSpace> space = make_ref<AddressSpace>();
  space->data = std::make_unique<Data>(alive);
  {
    Ref<AddressSpace> held = space;
    tasks.add(Tid(1), Tid(1), held);
    tasks.add(Tid(2), Tid(1), std::move(held));
  }
  CHECK(space->refs == 3);
  tasks.remove(Tid(1));
  tasks.remove(Tid(2));
  CHECK(alive == 1);
  CHECK(space->refs == 1);
}
