// SPDX-License-Identifier: Apache-2.0
//
// Who is meant by a response, and what is asked of whom. The tasks of these tests are in the table only: no
// process is touched, since none of their numbers can be a process's (they lie above what the kernel gives).
#include "capture/tracer/responses.h"

#include <doctest/doctest.h>

#include "capture/tracer/context.h"
#include "test/capture/state/fake_truth.h"

using namespace vedette;

namespace {

constexpr int kFirst = 0x7ff00000;  // above any pid_max

class Nothing final : public Sink {
  void on_event(const Sighting&) override {}
  void on_root_end(WaitStatus) override {}
};

struct Stage {
  Clock clock{Clock::Settles::Later};
  FakeTruth truth;
  Limits limits;
  State state{truth, limits};
  Hooks hooks;
  Nothing sink;
  Context context{clock, limits, state, hooks, sink};
  ResponseDesk desk{true};
  Responses responses{context, desk};

  Stage() { context.root = Tid(kFirst); }

  Task& launch(int tid, uint64_t now) {
    state.on_launch(static_cast<uint32_t>(tid), now);
    Task& task = context.tasks.add(Tid(tid), Tid(tid), make_ref<AddressSpace>());
    return task;
  }
  Task& fork(Task& maker, int tid, uint64_t now, uint64_t flags = 0) {
    state.on_fork(static_cast<uint32_t>(maker.tid.get()), static_cast<uint32_t>(tid), flags, now);
    Task& task = context.tasks.add(Tid(tid), Tid(tid), make_ref<AddressSpace>());
    responses.on_birth(maker, task, false, now);
    return task;
  }
  void end(int tid) {
    context.tasks.remove(Tid(tid));
    state.on_thread_exit(static_cast<uint32_t>(tid));
  }
  // What a dry run, or another request that ends at once, says.
  ResponseAnswer ask(ResponseRequest request) {
    request.id = 1;
    desk.ask(std::move(request));
    responses.act();
    const std::vector<ResponseAnswer> answers = desk.take_answers();
    REQUIRE(answers.size() == 1);
    return answers[0];
  }
  ResponseAnswer dry(ResponseAction action, int tid, uint64_t start) {
    return ask({.action = action, .dry_run = true, .process = Tid(tid), .start_ns = start});
  }
};

}  // namespace

TEST_CASE("a number that another process has by now is not meant") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  stage.fork(first, kFirst + 1, 10);
  CHECK(stage.dry(ResponseAction::Kill, kFirst + 1, 10).status == ResponseStatus::Done);
  const ResponseAnswer answer = stage.dry(ResponseAction::Kill, kFirst + 1, 9);
  CHECK(answer.status == ResponseStatus::Gone);
  CHECK(answer.why == "another process has its number by now");
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 9, 9).status == ResponseStatus::Gone);
}

TEST_CASE("a tree goes by who made whom: neither a double fork nor CLONE_PARENT leaves it") {
  constexpr uint64_t kCloneParent = 0x8000;
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  stage.fork(first, kFirst + 1, 10);  // a neighbour
  Task& target = stage.fork(first, kFirst + 2, 11);
  Task& between = stage.fork(target, kFirst + 3, 12);
  stage.fork(between, kFirst + 4, 13);
  stage.fork(target, kFirst + 5, 14, kCloneParent);
  stage.end(kFirst + 3);
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 2, 11).processes == 3);
  CHECK(stage.dry(ResponseAction::Kill, kFirst + 2, 11).processes == 1);
  stage.end(kFirst + 2);
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 2, 11).processes == 2);  // they are there without it
  CHECK(stage.dry(ResponseAction::Kill, kFirst + 2, 11).status == ResponseStatus::Gone);
}

TEST_CASE("a chain of a hundred makers that are gone hides nobody") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task* at = &stage.fork(first, kFirst + 1, 10);
  for (int i = 2; i < 100; ++i) {
    Task& next = stage.fork(*at, kFirst + i, static_cast<uint64_t>(10 + i));
    stage.end(at->tid.get());
    at = &next;
  }
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 1, 10).processes == 1);
}

TEST_CASE("the first process and the agent are refused") {
  Stage stage;
  stage.launch(kFirst, 5);
  CHECK(stage.dry(ResponseAction::KillTree, kFirst, 5).status == ResponseStatus::Refused);
  CHECK(stage.ask({.action = ResponseAction::Kill, .dry_run = true, .names_first = true, .process = Tid(kFirst), .start_ns = 5}).status == ResponseStatus::Done);
  const ResponseAnswer answer = stage.ask({.action = ResponseAction::Kill, .names_first = true, .process = Tid(::getpid()), .start_ns = 5});
  CHECK(answer.status == ResponseStatus::Refused);
  CHECK(answer.why == "it is the agent");
}

TEST_CASE("what a marked process makes is marked, threads and processes") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.doomed_by = 3;
  target.frozen_until_ns = 99;
  const Task& child = stage.fork(target, kFirst + 2, 11);
  CHECK(child.doomed_by == 3);
  CHECK(child.frozen_until_ns == 99);
  CHECK(stage.fork(first, kFirst + 3, 12).doomed_by == 0);
}

TEST_CASE("an agent without --respond refuses, and so does one whose workload has ended") {
  ResponseDesk shut(false);
  shut.ask({.id = 1, .process = Tid(4), .start_ns = 1});
  REQUIRE(shut.take_answers().size() == 1);
  CHECK(!shut.has_requests());
  ResponseDesk desk(true);
  desk.ask({.id = 1, .process = Tid(4), .start_ns = 1});
  CHECK(desk.has_requests());
  desk.close();
  CHECK(!desk.has_requests());
  CHECK(desk.take_answers().at(0).status == ResponseStatus::Gone);
}

TEST_CASE("a flood of requests is refused from a number on") {
  ResponseDesk desk(true);
  for (uint64_t i = 1; i <= 300; ++i) desk.ask({.id = i, .process = Tid(4), .start_ns = 1});
  const std::vector<ResponseAnswer> answers = desk.take_answers();
  CHECK(answers.size() == 44);
  CHECK(answers[0].status == ResponseStatus::Failed);
  CHECK(desk.take_requests().size() == 256);
}

TEST_CASE("a chain of makers is cut where nobody can be meant any more, and ends without deep recursion") {
  Ref<Lineage> at;
  for (uint64_t i = 0; i < 200'000; ++i) at = make_ref<Lineage>(Tid(kFirst), i, at);
  CHECK(at->is_of(Tid(kFirst), 199'000));
  CHECK(!at->is_of(Tid(kFirst), 0));
  uint64_t length = 0;
  for (const Lineage* one = at.get(); one != nullptr; one = one->maker.get()) ++length;
  CHECK(length <= Lineage::kGenerationsMax + 1024);
}
