// SPDX-License-Identifier: Apache-2.0
// A signal at every instruction of the inline tier. The tracee (stepped_program.h) is this test's own
// executable, run for the one test case that is skipped otherwise. It makes every call of the inline table
// again and again, each round announced by a swapoff that fails. At that swapoff's return the hooks below,
// which stand before the tier's own, step the thread into the stub, one instruction further each round, and
// send it a signal there. Whatever the place and whatever the signal: the call has the result it has without
// us, the handler meets no address of ours, and there is one record.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "test/capture/inline/x86_64/stepped_program.h"
#include "test/capture/inline/x86_64/stepping_tracer.h"

using namespace vedette;

namespace {

// Hooks of the tier, and before them the steps.
class Stepper final : public TierHooks {
 public:
  using TierHooks::TierHooks;
  size_t signals_sent = 0;
  std::set<uint32_t> exits_seen;

  bool on_called(Task& task, const SyscallInfo& at) override {
    announced_ = at.seccomp.nr == SYS_swapoff && at.seccomp.args[0] == stepped::kAnnounce;
    return TierHooks::on_called(task, at);
  }
  void on_exiting(Task& task) override {
    exits_seen.insert(static_cast<uint32_t>(task.tid.get()));
    TierHooks::on_exiting(task);
  }
  void on_returned(Task& task) override {
    TierHooks::on_returned(task);
    const Result<Registers> registers = ptrace_registers(task.tid);
    if (!std::exchange(announced_, false) || !registers) return;
    step(task, registers->argument(1), static_cast<int>(registers->argument(2)));
  }

 private:
  static bool is_inside(uint64_t ip) { return ip < VEDETTE_AGENT_LIMIT; }

  // Until `count` instructions of ours have run, or none will: the signal then finds the thread there.
  void step(Task& task, uint64_t count, int signal) {
    for (uint64_t inside = 0;;) {
      const Result<Registers> registers = ptrace_registers(task.tid);
      if (!registers) return;
      if (is_inside(registers->ip())) {
        if (inside++ == count) {
          ++signals_sent;
          ::syscall(SYS_tgkill, task.process.get(), task.tid.get(), signal);
          return;
        }
      } else {
        uint8_t next[2] = {};
        task.memory.read(registers->ip(), next, sizeof next);
        if (inside > 0 || (next[0] == 0x0f && next[1] == 0x05)) return;
      }
      // Stops of other kinds come before the trap of the step: the group goes on.
      for (bool trapped = false; !trapped;) {
        if (!ptrace_resume(task.tid, Resume::Step)) return;
        const Result<WaitStatus> status = ptrace_wait(task.tid);
        if (!status) return;
        trapped = status->event() == 0 && status->stop_signal() == SIGTRAP;
      }
    }
  }

  bool announced_ = false;
};

struct Seen {
  uint32_t tid;
  int64_t result;
  bool returned;
};

class Marks final : public Sink {
 public:
  std::multimap<uint64_t, Seen> seen;
  size_t inlined = 0;
  std::string notices;

  void on_event(const Sighting& sighting) override {
    const Event& event = sighting.event;
    if (event.id == EventId::vedette_notice) notices += std::string(event.text(2)) + "; ";
    if (event.row == nullptr) return;
    for (const uint64_t arg : {event.call.args[5], event.call.args[3]}) {
      if ((arg & ~0xffffffull) != stepped::kMark) continue;
      seen.insert({arg, {event.call.tid, event.call.result, event.call.returned}});
      inlined += (event.flags & static_cast<uint16_t>(Tier::Inline)) != 0;
    }
  }
  void on_root_end(WaitStatus) override {}
};

struct Outcome {
  bool ran = false;
  Marks marks;
  size_t signals_sent = 0;
  std::set<uint32_t> exits_seen;
  std::vector<std::vector<long>> said;  // number, round, result, handled, foreign
};

// The pid that a helper keeps continuing; 0: nobody.
std::atomic<pid_t> continued{0};

Outcome watch(const char* how) {
  Outcome outcome;
  const Quiet quiet;
  char log[] = "/tmp/vedette-step-XXXXXX";
  ::close(::mkstemp(log));
  ::setenv(stepped::kLog, log, 1);
  ::setenv(stepped::kHow, how, 1);
  InlineTier tier(Limits().snaplen, Integrity::Normal);
  Stepper stepper(tier);
  const auto started = [](Tid tid) { continued = tid.get(); };
  if (!run_stepped({"capture-test", "-m", "-ns", "-tc=a program that is stepped"}, "/proc/self/exe", tier, stepper, outcome.marks, started)) {
    ::unlink(log);
    return outcome;
  }
  continued = 0;
  outcome.ran = true;
  outcome.signals_sent = stepper.signals_sent;
  outcome.exits_seen = std::move(stepper.exits_seen);
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<long>& numbers = outcome.said.emplace_back();
    for (long number; words >> number;) numbers.push_back(number);
  }
  ::unlink(log);
  return outcome;
}

// One record of each round, with the result that the program had, which is the one it has without us.
void check_rounds(const Outcome& outcome) {
  std::map<long, const stepped::Stepped*> by_number;
  for (const stepped::Stepped& one : stepped::calls()) by_number[one.nr] = &one;
  std::map<long, long> rounds;
  for (const std::vector<long>& said : outcome.said) {
    REQUIRE(said.size() == 5);
    const long nr = said[0], round = said[1], result = said[2];
    ++rounds[nr];
    CAPTURE(nr);
    CAPTURE(round);
    CHECK((by_number.at(nr)->gives == stepped::Gives::Descriptor ? result >= 0 : result == by_number.at(nr)->value));
    const auto [first, last] = outcome.marks.seen.equal_range(static_cast<uint64_t>(stepped::mark_of(nr, round)));
    REQUIRE(std::distance(first, last) == 1);
    CHECK(first->second.returned);
    CHECK(first->second.result == result);
    CHECK(said[3] <= 1);
    CHECK(said[4] == 0);
  }
  CHECK(rounds.size() == stepped::calls().size());
  CHECK(outcome.marks.notices == "");
}

void check_signalled(const Outcome& outcome, size_t signals_min) {
  if (!outcome.ran) return;
  check_rounds(outcome);
  CHECK(outcome.marks.inlined > outcome.said.size() / 8);
  CHECK(outcome.signals_sent > signals_min * stepped::calls().size());
}

}  // namespace

TEST_CASE("a program that is stepped" * doctest::skip()) { stepped::run(); }

TEST_CASE("the stepped calls are those of the inline table") {
  std::set<long> table, stepped;
  for (const InlineCall& one : inline_calls()) table.insert(one.nr);
  for (const stepped::Stepped& one : stepped::calls()) stepped.insert(one.nr);
  CHECK(table == stepped);
}

TEST_CASE("a signal at every instruction of every hot call: one record, the right result, no address of ours") {
  check_signalled(watch("handler"), 40);
}

TEST_CASE("a SIGTRAP at every seventh instruction of every hot call is the program's own") {
  check_signalled(watch("trap"), 6);
}

TEST_CASE("a program that steps itself through every hot call sees its own instructions, and one record each") {
  const Outcome outcome = watch("itself");
  if (outcome.ran) check_rounds(outcome);
  for (const std::vector<long>& said : outcome.said) CHECK(said[3] == 1);
}

TEST_CASE("every register, as wide as they come, and the red zone survive every hot call") {
  if (!__builtin_cpu_supports("avx2")) return;
  const Outcome outcome = watch("registers");
  if (outcome.ran) check_rounds(outcome);
  for (const std::vector<long>& said : outcome.said) CHECK(said[3] == 1);
  if (outcome.ran) CHECK(outcome.marks.inlined > outcome.said.size() / 2);
}

TEST_CASE("a stop at every seventh instruction of every hot call: one record once it goes on") {
  std::atomic<bool> over{false};
  std::thread helper([&] {
    while (!over) {
      if (const pid_t pid = continued) ::kill(pid, SIGCONT);
      ::usleep(200);
    }
  });
  const Outcome outcome = watch("stop");
  over = true;
  helper.join();
  check_signalled(outcome, 5);
}

TEST_CASE("a kill at every instruction of a hot call: what the kernel has done is on record, what it has not is not") {
  const Outcome outcome = watch("kill");
  if (!outcome.ran) return;
  CHECK(outcome.said.size() == 90);
  size_t done = 0, killed = 0;
  for (const std::vector<long>& said : outcome.said) {
    REQUIRE(said.size() == 5);
    const long round = said[1];
    CAPTURE(round);
    const auto [first, last] = outcome.marks.seen.equal_range(static_cast<uint64_t>(stepped::mark_of(SYS_pwrite64, round)));
    killed += said[3] != 0;
    done += said[2] != 0;
    const long count = std::distance(first, last);
    if (said[2] != 0) {
      REQUIRE(count == 1);
      // A kill that comes while we look at a stop can take the thread past its last stop: then it can only be
      // in flight.
      if (!first->second.returned && !outcome.exits_seen.contains(first->second.tid)) continue;
      CHECK(first->second.returned);
      CHECK(first->second.result == 1);
    } else {
      CHECK(count <= 1);
      if (count == 1) CHECK_FALSE(first->second.returned);
      if (count == 1) CHECK_FALSE(outcome.exits_seen.contains(first->second.tid));
    }
  }
  CHECK(killed > 40);
  CHECK(done > 20);
  CHECK(done < outcome.said.size());
}
