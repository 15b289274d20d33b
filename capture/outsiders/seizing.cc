// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/seizing.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include "capture/outsiders/sight.h"
#include "capture/tracer/stop.h"

namespace vedette {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSeizeNs = 5 * kMillisecond;       // to attach a task takes microseconds, unless it is executing a program
constexpr uint64_t kSeizeRestNs = 50 * kMillisecond;  // between two that took so long: a tenth of the time at most goes into it
constexpr uint64_t kPauseMinNs = 2 * kMillisecond;
constexpr uint64_t kPauseMaxNs = 1000 * kMillisecond;
constexpr size_t kPartialsMax = 1024;

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

}  // namespace

Result<void> Seizing::attach(Tid process) {
  const Result<void> leader = seize(process);
  if (!leader) return leader;
  Ref<AddressSpace> space = make_ref<AddressSpace>();
  space->served = true;  // for all we know (served_memory.h)
  Task& task = context_.tasks.add(process, process, std::move(space));
  context_.tasks.mark_stranger(task);
  task.has_filter = false;
  task.bound = false;
  (void)ptrace_interrupt(process);
  attach_threads_of(process);
  return {};
}

// An exec holds the mutex that this waits for (cred_guard_mutex), and itself waits for the ends of its
// threads, which wait for us: so not for longer than a moment.
Result<void> Seizing::seize(Tid thread) {
  if (context_.clock.now_ns() < seizes_from_ns_) return Errno(EAGAIN);
  const Result<void> seized = ptrace_seize_within(kSeizeNs, thread, kStopOptions);
  if (!seized && seized.error().get() == EINTR) seizes_from_ns_ = context_.clock.now_ns() + kSeizeRestNs;
  return seized;
}

void Seizing::attach_threads_of(Tid process) {
  if (attach_threads(process)) return;
  const bool is_known = std::any_of(partials_.begin(), partials_.end(), [&](const Partial& one) { return one.process == process; });
  if (is_known) return;
  if (partials_.size() < kPartialsMax) partials_.push_back({process, context_.clock.now_ns() + kPauseMinNs, kPauseMinNs});
  else ++left_out_;
}

// A new thread of one that is seized cannot be seized (EPERM): it comes by itself. An error: there is one
// that we may not have.
Result<void> Seizing::attach_threads(Tid process) {
  Result<void> all;
  for (bool again = true; again;) {
    again = false;
    all = {};
    for (const Tid thread : numbers_in(ProcPath(process, "task"))) {
      const Task* const leader = context_.tasks.find(process);
      if (leader == nullptr || context_.tasks.find(thread) != nullptr) continue;
      if (const Result<void> seized = seize(thread); !seized) {
        all = seized;
        if (seized.error().get() != EPERM) return all;  // it executes, or has ended: so may all the others
        continue;
      }
      Task& task = context_.tasks.add(thread, process, leader->space);
      context_.tasks.mark_stranger(task);
      task.watch_as(*leader);
      task.bound = false;
      context_.state.on_launch(number(thread), context_.clock.now_ns());
      (void)ptrace_interrupt(thread);
      again = true;
    }
  }
  return all;
}

uint64_t Seizing::pause_ns(uint64_t most_ns) const {
  uint64_t pause = most_ns;
  for (const Partial& one : partials_) pause = std::min(pause, one.pause_ns);
  return pause;
}

void Seizing::complete(uint64_t now, const std::function<void(Tid, bool)>& on_replaced) {
  for (Partial& one : std::exchange(partials_, {})) {
    if (now >= one.next_ns && complete(one.process, on_replaced)) continue;
    if (now >= one.next_ns) {
      one.pause_ns = std::min(2 * one.pause_ns, kPauseMaxNs);
      one.next_ns = now + one.pause_ns;
    }
    partials_.push_back(one);
  }
}

// True: there is nothing left to do.
bool Seizing::complete(Tid process, const std::function<void(Tid, bool)>& on_replaced) {
  const std::optional<Sight> sight = Sight::of(process);
  if (sight && sight->is_ours()) return static_cast<bool>(attach_threads(process));
  if (context_.tasks.find(process) == nullptr) return true;
  context_.tasks.remove(process);
  on_replaced(process, sight.has_value());
  return true;
}

}  // namespace vedette
