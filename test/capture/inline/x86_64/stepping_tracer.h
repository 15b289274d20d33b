// SPDX-License-Identifier: Apache-2.0
// A tracer for tests: the inline tier with hooks of the test's own before the tier's, on one processor with
// its tracee, so that a step costs no wake-up across.
#pragma once

#include <doctest/doctest.h>
#include <sched.h>
#include <signal.h>

#include <vector>

#include "capture/inline/tier.h"
#include "capture/kernel/capabilities.h"
#include "capture/tracer/capture_filter.h"
#include "capture/tracer/launch.h"
#include "capture/tracer/loop.h"
#include "capture/tracer/proc_truth.h"
#include "capture/tracer/pulse.h"

namespace vedette {

// Everything goes to the tier; a test overrides what it steps in.
class TierHooks : public Hooks {
 public:
  explicit TierHooks(InlineTier& tier) : tier_(tier) {}
  void on_begin(Context& context, Calls& calls) override { tier_.on_begin(context, calls); }
  void on_any_stop(Tid tid) override { tier_.on_any_stop(tid); }
  void on_tick() override { tier_.on_tick(); }
  void on_forked(Task& parent, Task& child, uint64_t flags) override { tier_.on_forked(parent, child, flags); }
  bool on_start(Task& task) override { return tier_.on_start(task); }
  void on_exec(Task& task) override { tier_.on_exec(task); }
  void on_image(Task& task) override { tier_.on_image(task); }
  bool on_called(Task& task, const SyscallInfo& at) override { return tier_.on_called(task, at); }
  void on_returned(Task& task) override { tier_.on_returned(task); }
  void on_map_executable(Task& task, const Call& call) override { tier_.on_map_executable(task, call); }
  bool on_signal(Task& task, int signal) override { return tier_.on_signal(task, signal); }
  void on_exiting(Task& task) override { tier_.on_exiting(task); }
  void on_end(Task& task) override { tier_.on_end(task); }

 protected:
  InlineTier& tier_;
};

// One processor, and the signal mask, which Signals changes, as it was when it ends.
struct Quiet {
  cpu_set_t processors;
  sigset_t mask;
  Quiet() {
    sched_getaffinity(0, sizeof processors, &processors);
    sigprocmask(SIG_SETMASK, nullptr, &mask);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~Quiet() {
    sched_setaffinity(0, sizeof processors, &processors);
    sigprocmask(SIG_SETMASK, &mask, nullptr);
  }
};

// Runs a program, which has to end with 0. False: that is not possible here. `started` hears of its number.
template <typename Started>
bool run_stepped(const std::vector<const char*>& words, const char* path, InlineTier& tier, Hooks& hooks, Sink& sink, Started started) {
  const Limits limits;
  Signals signals;
  Clock clock;
  ProcTruth truth;
  State state(truth, limits);
  Context context(clock, limits, state, hooks, sink);
  context.can_trace_all = has_capability(Capability::SysPtrace);
  std::vector<char*> argv;
  for (const char* word : words) argv.push_back(const_cast<char*>(word));
  Launch launch(argv, path, signals.original_mask());
  Launched launched;
  if (!clock.has_tsc() || !tier.is_possible() || !launch.start(capture_filter(tier, SealedMemory()), false, launched)) {
    MESSAGE("skipped: the inline tier is not possible here");
    return false;
  }
  started(launched.tid);
  Outsiders none;
  Pulse pulse;
  CHECK(Loop(context, signals, none, pulse).run(launched.tid, false).shell_status() == 0);
  return true;
}

}  // namespace vedette
