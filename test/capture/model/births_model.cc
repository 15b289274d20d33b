// SPDX-License-Identifier: Apache-2.0
// Small families on a fake kernel, in every order in which it may run them and tell of them: nobody runs with
// another's ring, nobody is invented, forgotten or left standing, and each birth and each end is told once.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sched.h>

#include <chrono>
#include <cstdlib>

#include "capture/tracer/launch.h"
#include "capture/tracer/loop.h"
#include "test/capture/model/choices.h"
#include "test/capture/model/fake_kernel.h"
#include "test/capture/model/rings.h"
#include "test/capture/state/fake_truth.h"

using namespace vedette;

namespace {

struct Image final : ImageData {
  explicit Image(int of) : of(of) {}
  std::unique_ptr<ImageData> copy() const override { return std::make_unique<Image>(of); }
  int of;  // who executed it
};

struct Borrows final : TaskData {};

// The inline tier's part in births, without its memory: who has the page gets a ring, a child starts without
// one, and a vfork child goes on in its parent's.
class RingHooks final : public Hooks {
 public:
  explicit RingHooks(FakeKernel& kernel) : kernel_(kernel) {}
  void on_forked(Task& parent, Task& child, uint64_t flags) override {
    const Image* const theirs = static_cast<const Image*>(parent.space->data.get());
    const Image* const mine = static_cast<const Image*>(child.space->data.get());
    if (theirs == nullptr || mine == nullptr || theirs->of != mine->of) wrong(child, "does not have its parent's image");
    if ((parent.space == child.space) != ((flags & CLONE_VM) != 0) && kernel_.stopped_task(parent.tid.get()) != nullptr) wrong(child, "shares its memory with the wrong task");
    if ((flags & CLONE_VFORK) != 0) child.data = std::make_unique<Borrows>();
  }
  bool on_start(Task& task) override {
    if (task.data == nullptr) (void)ptrace_set_thread_context(task.tid, 0);
    return task.data == nullptr;
  }
  void on_exec(Task& task) override {
    task.data.reset();
    task.space->data = std::make_unique<Image>(task.tid.get());
    (void)ptrace_set_thread_context(task.tid, ring_of(task.tid.get()));
  }
  void on_exiting(Task& task) override {
    const Result<uint64_t> ring = ptrace_thread_context(task.tid);
    if (task.data == nullptr && ring && *ring != 0 && *ring != ring_of(task.tid.get())) wrong(task, "ends with the ring of another");
  }
  bool on_called(Task& task, const SyscallInfo&) override {
    if (task.data == nullptr) (void)ptrace_set_thread_context(task.tid, ring_of(task.tid.get()));
    return false;
  }

 private:
  void wrong(const Task& task, const char* what) { kernel_.wrongs.push_back(std::to_string(task.tid.get()) + " " + what); }
  FakeKernel& kernel_;
};

class Told final : public Sink {
 public:
  struct One {
    EventId id;
    int tid;
    int64_t result;
    bool in_flight;
  };
  std::vector<One> events;
  void on_event(const Sighting& sighting) override {
    const Event& event = sighting.event;
    events.push_back({event.id, static_cast<int>(event.call.tid), event.call.result, !event.call.returned});
  }
  void on_root_end(WaitStatus) override {}
  template <typename Predicate>
  long count(Predicate predicate) const {
    return std::count_if(events.begin(), events.end(), predicate);
  }
};

bool is_birth(EventId id) { return id == EventId::fork || id == EventId::vfork || id == EventId::clone; }

void check_births(FakeKernel& kernel, const Told& told) {
  for (const FakeKernel::Made& made : kernel.made) {
    const std::string name = std::to_string(made.child);
    const long by_maker = told.count([&](const Told::One& one) { return is_birth(one.id) && one.tid == made.maker && one.result == made.child; });
    const long in_flight = told.count([&](const Told::One& one) { return is_birth(one.id) && one.tid == made.maker && one.in_flight; });
    const long in_child = told.count([&](const Told::One& one) { return is_birth(one.id) && one.tid == made.child && one.result == 0 && !one.in_flight; });
    const long ends = told.count([&](const Told::One& one) { return one.id == EventId::procexit && one.tid == made.child; });
    if (by_maker + in_flight < 1 || by_maker > 1) kernel.wrongs.push_back("the birth of " + name + " is told " + std::to_string(by_maker) + " times");
    if (in_child > 1 || (made.ran && in_child != 1)) kernel.wrongs.push_back(name + " begins " + std::to_string(in_child) + " times");
    if (made.is_process && ends != 1) kernel.wrongs.push_back(name + " ends " + std::to_string(ends) + " times");
  }
  const long processes = 1 + std::count_if(kernel.made.begin(), kernel.made.end(), [](const FakeKernel::Made& made) { return made.is_process; });
  const long ends = told.count([](const Told::One& one) { return one.id == EventId::procexit; });
  if (ends != processes) kernel.wrongs.push_back(std::to_string(ends) + " processes ended, " + std::to_string(processes) + " were there");
}

// The tracer from launch to end; what was wrong.
std::string run(Choices& choices, const Script& script, int preemptions) {
  static Signals signals;
  static Clock clock(Clock::Settles::Later);
  FakeKernel kernel(choices, script, preemptions);
  FakeTruth truth;
  const Limits limits;
  State state(truth, limits);
  RingHooks hooks(kernel);
  Told told;
  Context context(clock, limits, state, hooks, told);
  Outsiders outsiders;
  Pulse pulse;
  Loop loop(context, signals, outsiders, pulse);
  Launched launched;
  launched.tid = Tid(FakeKernel::kRoot);
  (void)loop.run(launched.tid, false);
  check_births(kernel, told);
  if (!kernel.tasks.empty()) kernel.wrongs.push_back("the tracer went away before its tasks");
  if (context.tasks.size() != 0) kernel.wrongs.push_back(std::to_string(context.tasks.size()) + " tasks are left in the table");
  if (context.births.open_count() + context.births.stray_count() != 0) kernel.wrongs.push_back("a birth is left open");
  if (state.processes() != 0) kernel.wrongs.push_back(std::to_string(state.processes()) + " processes are left in the books");
  std::string all;
  for (const std::string& wrong : kernel.wrongs) all += wrong + "; ";
  return all;
}

// How many runs a family is given: VEDETTE_MODEL_RUNS.
size_t runs_max() {
  const char* const given = std::getenv("VEDETTE_MODEL_RUNS");
  return given == nullptr ? 30'000 : std::strtoul(given, nullptr, 10);
}

// Every order, or as many as there is time for; then orders drawn at random, with more preemptions.
void explore(const Script& script) {
  Choices choices;
  size_t runs = 0;
  bool more = true;
  for (; more && runs < runs_max(); ++runs) {
    const std::string wrong = run(choices, script, 1);
    INFO("choices: ", choices.text());
    REQUIRE_MESSAGE(wrong.empty(), wrong);
    more = choices.next();
  }
  if (std::getenv("VEDETTE_MODEL_SAY") != nullptr) MESSAGE(runs << (more ? " orders, not all" : " orders, all there are"));
  for (unsigned seed = 0; seed < runs_max() / 3; ++seed) {
    choices.random(seed);
    const std::string wrong = run(choices, script, 8);
    INFO("seed: ", seed);
    REQUIRE_MESSAGE(wrong.empty(), wrong);
  }
}

const Op kExec{Op::Exec}, kExit{Op::Exit}, kKillParent{Op::KillParent}, kKillChildren{Op::KillChildren}, kExitGroup{Op::ExitGroup};
Op fork_of(Script child) { return {Op::Fork, std::move(child)}; }
Op vfork_of(Script child) { return {Op::Vfork, std::move(child)}; }
Op thread_of(Script child) { return {Op::Thread, std::move(child)}; }

}  // namespace

TEST_CASE("a child") { explore({fork_of({})}); }
TEST_CASE("a child that executes") { explore({fork_of({kExec})}); }
TEST_CASE("two children") { explore({fork_of({}), fork_of({})}); }
TEST_CASE("a grandchild whose parent ends at once") { explore({fork_of({fork_of({})})}); }
TEST_CASE("a thread") { explore({thread_of({})}); }
TEST_CASE("a thread that makes a child") { explore({thread_of({fork_of({})}), kExit}); }
TEST_CASE("a thread of a leader that ends") { explore({thread_of({thread_of({})}), kExit}); }
TEST_CASE("a vfork child that ends") { explore({vfork_of({})}); }
TEST_CASE("a vfork child that executes") { explore({vfork_of({kExec, fork_of({})})}); }
TEST_CASE("an exec while a thread makes a child") { explore({thread_of({fork_of({})}), kExec}); }
TEST_CASE("an exec by a thread") { explore({thread_of({kExec, fork_of({})})}); }
TEST_CASE("an exec by a thread while its leader makes a child") { explore({thread_of({kExec}), fork_of({})}); }
TEST_CASE("an end of all while a thread makes a child") { explore({thread_of({fork_of({})}), kExitGroup}); }
TEST_CASE("an end of all while a thread makes a thread") { explore({thread_of({thread_of({})}), kExitGroup}); }
TEST_CASE("a child that is killed at once") { explore({fork_of({}), kKillChildren}); }
TEST_CASE("a child that is killed while it makes one") { explore({fork_of({fork_of({})}), kKillChildren}); }
TEST_CASE("a child that is killed while it makes a thread") { explore({fork_of({thread_of({})}), kKillChildren}); }
TEST_CASE("a vfork parent that is killed by its child") { explore({fork_of({vfork_of({kKillParent, kExec, fork_of({})})})}); }
TEST_CASE("a parent that is killed by its child while it makes another") { explore({fork_of({fork_of({kKillParent, fork_of({})}), fork_of({})})}); }
TEST_CASE("a child that is killed while it executes") { explore({fork_of({thread_of({kExec}), fork_of({})}), kKillChildren}); }
