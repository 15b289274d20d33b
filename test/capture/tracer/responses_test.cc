// SPDX-License-Identifier: Apache-2.0
//
// Who is meant by a response, and what is asked of whom. The tasks of these tests are in the table only: no
// process is touched, since none of their numbers can be a process's (they lie above what the kernel gives).
#include "capture/tracer/responses.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/tracer/lives.h"
#include "capture/tracer/nested.h"
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
  Task& thread(Task& maker, int tid, uint64_t now) {
    constexpr uint64_t kCloneThread = 0x10000;
    state.on_fork(static_cast<uint32_t>(maker.tid.get()), static_cast<uint32_t>(tid), kCloneThread, now);
    Task& task = context.tasks.add(Tid(tid), maker.process, maker.space);
    responses.on_birth(maker, task, true, now);
    return task;
  }
  void end(int tid) {
    context.tasks.remove(Tid(tid));
    responses.on_ended(Tid(tid));
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

TEST_CASE("a thread is no process: whoever names one with its process's start is refused") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  stage.responses.begin();
  stage.thread(first, kFirst + 1, 6);
  for (const ResponseAction action : {ResponseAction::Kill, ResponseAction::KillTree, ResponseAction::Freeze, ResponseAction::Tighten}) {
    const ResponseAnswer answer = stage.ask({.action = action, .process = Tid(kFirst + 1), .start_ns = 5, .for_ns = 1});
    CHECK(answer.status == ResponseStatus::Refused);
    CHECK(answer.why == "it is a thread, and not a process");
    CHECK(stage.dry(action, kFirst + 1, 6).status == ResponseStatus::Gone);
  }
}

TEST_CASE("a process that has ended is found by its tree, also where a thread has its number by now") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  stage.fork(target, kFirst + 2, 11);
  stage.end(kFirst + 1);
  stage.thread(first, kFirst + 1, 12);
  CHECK(stage.dry(ResponseAction::Kill, kFirst + 1, 10).status == ResponseStatus::Gone);
  const ResponseAnswer answer = stage.dry(ResponseAction::KillTree, kFirst + 1, 10);
  CHECK(answer.status == ResponseStatus::Done);
  CHECK(answer.processes == 1);
}

TEST_CASE("what a marked process makes is marked, threads and processes") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.doomed_by = 3;
  target.frozen_until_ns = 99;
  target.tightened = true;
  const Task& child = stage.fork(target, kFirst + 2, 11);
  CHECK(child.doomed_by == 3);
  CHECK(child.frozen_until_ns == 99);
  CHECK(child.tightened);
  CHECK(stage.fork(first, kFirst + 3, 12).doomed_by == 0);
}

TEST_CASE("a child that nobody tells of is marked as its parent is, and belongs to the tree") {
  const pid_t ours = ::fork();
  if (ours == 0) {
    ::alarm(60);
    ::pause();
    ::_exit(0);
  }
  Stage stage;
  Calls calls(stage.context);
  Lives lives(stage.context, calls);
  NestedTracing nested(stage.context, calls);
  Outsiders outsiders;
  stage.context.nested = &nested;
  stage.context.outsiders = &outsiders;
  stage.context.responses = &stage.responses;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  Task& parent = stage.fork(target, ::getpid(), 11);  // as /proc says
  parent.doomed_by = 3;
  parent.frozen_until_ns = 99;
  parent.tightened = true;
  lives.on_stray({.tid = Tid(ours), .status = WaitStatus(PTRACE_EVENT_STOP << 16 | SIGTRAP << 8 | 0x7f), .stop = Stop::Attached});
  lives.adopt_orphans();
  const Task* const child = stage.context.tasks.find(Tid(ours));
  const bool is_doomed = child != nullptr && child->doomed_by == 3;
  if (!is_doomed) (void)::kill(ours, SIGKILL);  // and the test fails
  int status = 0;
  REQUIRE(::waitpid(ours, &status, 0) == ours);
  REQUIRE(is_doomed);
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(child->frozen_until_ns == 99);
  CHECK(child->tightened);
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 1, 10).processes == 3);
}

TEST_CASE("a freeze that ends before all threads stand still is not told as done") {
  Stage stage;
  stage.responses.begin();
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.phase = Phase::Running;  // and no stop of it comes
  stage.desk.ask({.id = 1, .action = ResponseAction::Freeze, .process = Tid(kFirst + 1), .start_ns = 10, .for_ns = 1'000'000});
  std::vector<ResponseAnswer> answers;
  const uint64_t deadline = monotonic_ns() + 20'000'000'000;
  while (answers.size() < 2 && monotonic_ns() < deadline) {
    stage.responses.act();
    for (ResponseAnswer& one : stage.desk.take_answers()) answers.push_back(std::move(one));
  }
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].step == ResponseStep::Acted);
  CHECK(answers[0].status == ResponseStatus::Partial);
  CHECK(answers[0].why == "some threads have not come out of the kernel yet");
  CHECK(answers[1].step == ResponseStep::Ended);
}

TEST_CASE("a doomed child is killed while its number is ours to wait for, and nobody else is who has it by then") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t between = ::fork();
  if (between == 0) {  // its child is nobody whom we could wait for
    const pid_t other = ::fork();
    if (other != 0) ::_exit(::write(ends[1], &other, sizeof other) == sizeof other ? 0 : 1);
    ::close(ends[0]);
    ::alarm(60);
    ::pause();
    ::_exit(0);
  }
  ::close(ends[1]);
  pid_t other = 0;
  REQUIRE(::read(ends[0], &other, sizeof other) == sizeof other);
  REQUIRE(::waitpid(between, nullptr, 0) == between);
  const pid_t ours = ::fork();
  if (ours == 0) {
    ::alarm(60);
    ::pause();
    ::_exit(0);
  }
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.doomed_by = 3;
  stage.fork(target, other, 11);
  stage.fork(target, ours, 12);
  int status = 0;
  REQUIRE(::waitpid(ours, &status, 0) == ours);
  CHECK(WTERMSIG(status) == SIGKILL);
  pollfd lives{ends[0], POLLIN, 0};  // hung up when the other one has ended
  CHECK(::poll(&lives, 1, 100) == 0);
  (void)::kill(other, SIGKILL);
  ::close(ends[0]);
}

TEST_CASE("a tree is tightened once its threads have stopped, and each program of it has that, too") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.phase = Phase::Running;
  stage.desk.ask({.id = 1, .action = ResponseAction::Tighten, .process = Tid(kFirst + 1), .start_ns = 10});
  stage.responses.act();
  CHECK(stage.desk.take_answers().empty());
  CHECK(target.tightened);
  CHECK(target.trap() == Trap::Filter);  // it has not stopped
  stage.context.close(target);
  CHECK(target.trap() == Trap::Every);
  CHECK(target.close_watch() == CloseWatch::Tightened);
  stage.responses.end();
  CHECK(stage.desk.take_answers().at(0).status == ResponseStatus::Done);
  target.begin_image();
  CHECK(target.trap() == Trap::Every);
  CHECK(first.trap() == Trap::Filter);
}

TEST_CASE("a tree is denied calls once each thread has come out of what it was in, also where it was tightened before") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.phase = Phase::Running;
  stage.desk.ask({.id = 1, .action = ResponseAction::Tighten, .process = Tid(kFirst + 1), .start_ns = 10});
  stage.responses.act();
  stage.context.close(target);
  stage.responses.act();
  (void)stage.desk.take_answers();
  stage.desk.ask({.id = 2, .action = ResponseAction::Deny, .process = Tid(kFirst + 1), .start_ns = 10, .rows = {{.deny = Deny::Ptrace}}});
  stage.responses.act();
  REQUIRE(target.bans.size() == 1);
  CHECK(target.bans[0]->rows.at(0).deny == Deny::Ptrace);
  CHECK(target.owes_stop);
  CHECK(stage.desk.take_answers().empty());
  CHECK(stage.fork(target, kFirst + 2, 11).bans == target.bans);
  CHECK(stage.fork(first, kFirst + 3, 12).bans.empty());
  target.owes_stop = false;  // it has stopped
  stage.responses.end();
  CHECK(stage.desk.take_answers().at(0).status == ResponseStatus::Done);
}

TEST_CASE("what is denied ends on time, by its own end, and no task is denied more than so many times") {
  Stage stage;
  stage.responses.begin();
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  const auto deny = [&](uint64_t id, uint64_t for_ns) {
    stage.desk.ask({.id = id, .action = ResponseAction::Deny, .process = Tid(kFirst + 1), .start_ns = 10, .for_ns = for_ns, .rows = {{.deny = Deny::Mount}}});
    stage.responses.act();
  };
  deny(1, 0);
  deny(2, 20'000'000);
  std::vector<ResponseAnswer> answers;
  const uint64_t deadline = monotonic_ns() + 20'000'000'000;
  while (answers.size() < 3 && monotonic_ns() < deadline) {
    stage.responses.act();
    for (ResponseAnswer& one : stage.desk.take_answers()) answers.push_back(std::move(one));
  }
  REQUIRE(answers.size() == 3);
  CHECK(answers[2].id == 2);
  CHECK(answers[2].step == ResponseStep::Ended);
  CHECK(answers[2].processes == 1);
  CHECK(target.bans.size() == 1);  // the other one holds
  for (uint64_t id = 3; target.bans.size() < kBansMax; ++id) deny(id, 0);
  stage.responses.act();
  (void)stage.desk.take_answers();
  deny(99, 0);
  CHECK(target.bans.size() == kBansMax);
  CHECK(stage.desk.take_answers().at(0).status == ResponseStatus::Failed);
}

TEST_CASE("rows that this agent cannot hold are refused with the reason, and nobody is touched") {
  ResponseDesk desk(true, [](const std::vector<PreventRow>& rows) { return rows.at(0).deny == Deny::Network ? std::string("not here") : std::string(); });
  desk.ask({.id = 1, .action = ResponseAction::Deny, .process = Tid(4), .start_ns = 1, .rows = {{.deny = Deny::Network}}});
  const std::vector<ResponseAnswer> answers = desk.take_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == ResponseStatus::Failed);
  CHECK(answers[0].why == "not here");
  desk.ask({.id = 2, .action = ResponseAction::Deny, .process = Tid(4), .start_ns = 1, .rows = {{.deny = Deny::Mount}}});
  CHECK(desk.has_requests());
}

TEST_CASE("a tree that was asked to be tightened before is told as done only once its threads have stopped") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  target.phase = Phase::Running;
  for (const uint64_t id : {1, 2}) {
    stage.desk.ask({.id = id, .action = ResponseAction::Tighten, .process = Tid(kFirst + 1), .start_ns = 10});
    stage.responses.act();
    CHECK(stage.desk.take_answers().empty());  // it has not stopped
  }
  stage.context.close(target);
  stage.responses.end();
  const std::vector<ResponseAnswer> answers = stage.desk.take_answers();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == ResponseStatus::Done);
  CHECK(answers[1].status == ResponseStatus::Done);
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

TEST_CASE("an answer goes to the connection that asked, and to no later one, whatever number it has") {
  ResponseDesk desk(true);
  desk.greet();
  desk.ask({.id = 1, .process = Tid(4), .start_ns = 1});
  const ResponseRequest taken = desk.take_requests().at(0);
  desk.ask({.id = 2, .process = Tid(4), .start_ns = 1});
  desk.greet();
  CHECK(!desk.has_requests());  // nobody asks for it any more
  desk.ask({.id = 1, .process = Tid(5), .start_ns = 1});
  desk.answer({.id = taken.id, .asker = taken.asker, .step = ResponseStep::Ended});
  CHECK(desk.take_answers().empty());
  const ResponseRequest later = desk.take_requests().at(0);
  desk.answer({.id = later.id, .asker = later.asker});
  CHECK(desk.take_answers().size() == 1);
}

TEST_CASE("a first process that is killed is told as killed, though the agent ends with it") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  stage.fork(first, kFirst + 1, 10);
  stage.desk.ask({.id = 1, .action = ResponseAction::KillTree, .names_first = true, .process = Tid(kFirst), .start_ns = 5});
  stage.responses.act();
  CHECK(stage.desk.take_answers().empty());
  stage.end(kFirst + 1);
  stage.end(kFirst);
  stage.responses.end();  // no look comes after its end
  const std::vector<ResponseAnswer> answers = stage.desk.take_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == ResponseStatus::Done);
  CHECK(answers[0].processes == 2);
}

TEST_CASE("what has not ended when the workload does is named") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  stage.fork(first, kFirst + 1, 10);
  stage.desk.ask({.id = 1, .action = ResponseAction::KillTree, .names_first = true, .process = Tid(kFirst), .start_ns = 5});
  stage.responses.act();
  stage.end(kFirst);
  stage.responses.end();
  const std::vector<ResponseAnswer> answers = stage.desk.take_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == ResponseStatus::Partial);
  CHECK(answers[0].why == "not ended yet: " + std::to_string(kFirst + 1));
}

TEST_CASE("a process that has the number of the first one, which has ended, is spared no more") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task& other = stage.fork(first, kFirst + 1, 6);
  CHECK(stage.dry(ResponseAction::Kill, kFirst, 5).status == ResponseStatus::Refused);
  stage.end(kFirst);
  stage.fork(other, kFirst, 90);
  CHECK(stage.dry(ResponseAction::Kill, kFirst, 90).status == ResponseStatus::Done);
}

TEST_CASE("of two freezes of one tree the later end decides, and each end says who goes on") {
  Stage stage;
  stage.responses.begin();
  Task& first = stage.launch(kFirst, 5);
  Task& target = stage.fork(first, kFirst + 1, 10);
  Task& child = stage.fork(target, kFirst + 2, 11);
  constexpr uint64_t kMs = 1'000'000;
  const auto next = [&](ResponseStep step) {
    std::vector<ResponseAnswer> answers;
    const uint64_t deadline = monotonic_ns() + 20'000 * kMs;
    while (answers.empty() && monotonic_ns() < deadline) {
      stage.responses.act();
      answers = stage.desk.take_answers();
    }
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].step == step);
    return answers[0];
  };
  const auto next_end = [&] { return next(ResponseStep::Ended); };
  const auto freeze = [&](uint64_t id, int tid, uint64_t start, uint64_t ms) {
    stage.desk.ask({.id = id, .action = ResponseAction::Freeze, .process = Tid(tid), .start_ns = start, .for_ns = ms * kMs});
    CHECK(next(ResponseStep::Acted).status == ResponseStatus::Done);
  };
  freeze(1, kFirst + 1, 10, 300);
  freeze(2, kFirst + 2, 11, 600);  // begins before the other ends, and holds one of the two
  const ResponseAnswer one = next_end();
  CHECK(one.id == 1);
  CHECK(one.processes == 1);
  CHECK(one.why == "another freeze holds 1 of them for longer");
  CHECK(target.frozen_until_ns == 0);
  CHECK(child.frozen_until_ns != 0);
  const ResponseAnswer two = next_end();
  CHECK(two.id == 2);
  CHECK(two.processes == 1);
  CHECK(two.why.empty());
  CHECK(child.frozen_until_ns == 0);
  freeze(3, kFirst + 1, 10, 600);
  freeze(4, kFirst + 1, 10, 300);  // ends first, and lets nobody go
  CHECK(next_end().processes == 0);
  CHECK(target.frozen_until_ns != 0);
  CHECK(next_end().processes == 2);
}

TEST_CASE("a tree of many processes costs as many looks as it has, also where it is a chain") {
  Stage stage;
  Task& first = stage.launch(kFirst, 5);
  Task* at = &stage.fork(first, kFirst + 1, 10);
  constexpr int kMany = 8'000;
  std::vector<const Lineage*> chain;
  for (int i = 2; i <= kMany; ++i) {
    at = &stage.fork(*at, kFirst + i, static_cast<uint64_t>(10 + i));
    chain.push_back(at->lineage.get());
  }
  Descent tree(Tid(kFirst + 1), 10), none(Tid(kFirst + 1), 9);
  int in_tree = 0, in_none = 0;
  for (auto one = chain.rbegin(); one != chain.rend(); ++one) {
    in_tree += tree.has(**one);
    in_none += none.has(**one);
  }
  CHECK(in_tree == kMany - 1);
  CHECK(in_none == 0);
  CHECK(tree.looks() <= 2 * kMany);
  CHECK(none.looks() <= 2 * kMany);
  CHECK(stage.dry(ResponseAction::KillTree, kFirst + 1, 10).processes == kMany);
}

TEST_CASE("a chain of makers is cut where nobody can be meant any more, and ends without deep recursion") {
  Ref<Lineage> at;
  for (uint64_t i = 0; i < 200'000; ++i) at = make_ref<Lineage>(Tid(kFirst), i, at);
  CHECK(Descent(Tid(kFirst), 199'000).has(*at));
  CHECK(!Descent(Tid(kFirst), 0).has(*at));
  uint64_t length = 0;
  for (const Lineage* one = at.get(); one != nullptr; one = one->maker.get()) ++length;
  CHECK(length <= Lineage::kGenerationsMax + 1024);
}
