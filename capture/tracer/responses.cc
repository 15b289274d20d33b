// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/responses.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "capture/kernel/clock.h"
#include "capture/prevent/table.h"
#include "capture/tracer/context.h"
#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr uint64_t kPatienceNs = 2'000'000'000;  // who is in the kernel's hands for longer is told of as not done
constexpr uint64_t kLookNs = 2'000'000;          // between two looks at whether all is done
constexpr long kAgainNs = 100'000'000;            // between two wakes of a timer that has run out
constexpr size_t kNamedMax = 5;                  // processes that an answer names

std::string named(const std::vector<Tid>& processes) {
  std::string text;
  for (size_t i = 0; i < processes.size() && i < kNamedMax; ++i) text += (i == 0 ? "" : ", ") + std::to_string(processes[i].get());
  return processes.size() > kNamedMax ? text + " ..." : text;
}

const char* verb_of(ResponseAction action) { return action == ResponseAction::Freeze ? "frozen" : "killed"; }

}  // namespace

Responses::~Responses() {
  if (has_timer_) (void)::timer_delete(timer_);
}

void Responses::begin() {
  if (!accept_wakes()) return;
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = wake_signal();
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  has_timer_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  desk_.serve();
}

void Responses::act() {
  if (!desk_.has_requests() && pending_.empty() && freezes_.empty()) return;
  for (const ResponseRequest& request : desk_.take_requests()) take(request);
  const uint64_t now = monotonic_ns();
  thaw(now);
  settle(now);
  set_timer();
}

void Responses::end() { desk_.close(); }

void Responses::take(const ResponseRequest& request) {
  const auto answer = [&](ResponseStatus status, std::string why, uint64_t processes = 0) {
    desk_.answer({.id = request.id, .status = status, .processes = processes, .why = std::move(why)});
  };
  if (request.process == Tid(::getpid())) return answer(ResponseStatus::Refused, "it is the agent");
  if (request.action == ResponseAction::Freeze && !has_timer_) {
    return answer(ResponseStatus::Failed, "the kernel gives us no timer, so nothing would end it");
  }
  const bool is_there = is_named(request.process, request.start_ns);
  if (is_there && request.process == context_.root && !request.names_first) {
    return answer(ResponseStatus::Refused, "it is the workload's first process, and `first_process` is not set");
  }
  if (is_there && is_excepted(request.process, request)) return answer(ResponseStatus::Refused, "its program is one of `except`");
  std::vector<Tid> members = members_of(request);
  if (members.empty()) {
    const bool is_known = context_.state.knows(static_cast<uint32_t>(request.process.get()));
    return answer(ResponseStatus::Gone, is_known ? "another process has its number by now" : "it has ended, or the kernel does not let us trace it");
  }
  std::vector<Tid> spared;
  std::erase_if(members, [&](Tid member) {
    const bool is_spared = is_excepted(member, request);
    if (is_spared) spared.push_back(member);
    return is_spared;
  });
  Pending pending{.id = request.id, .action = request.action, .deadline_ns = monotonic_ns() + kPatienceNs, .until_ns = 0, .processes = members.size(), .alive = {}, .spared = {}};
  if (!spared.empty()) pending.spared = "left alone, as `except` says: " + named(spared);
  if (request.dry_run) {
    std::string would = std::string("a dry run: it would have ") + verb_of(request.action) + " " + named(members);
    if (!spared.empty()) would += "; " + pending.spared;
    return answer(spared.empty() ? ResponseStatus::Done : ResponseStatus::Partial, std::move(would), members.size());
  }
  if (request.action == ResponseAction::Freeze) return freeze(request, std::move(pending), members);
  pending.alive = std::move(members);
  kill(request, std::move(pending));
}

// Of a tree the process itself comes first, if it is still there.
std::vector<Tid> Responses::members_of(const ResponseRequest& request) {
  std::vector<Tid> members;
  if (request.action == ResponseAction::Kill) {
    if (is_named(request.process, request.start_ns)) members.push_back(request.process);
    return members;
  }
  context_.tasks.each([&](Task& task) {
    if (task.is_leader() && lineage_of(task)->is_of(request.process, request.start_ns)) members.push_back(task.process);
  });
  std::sort(members.begin(), members.end(), [&](Tid a, Tid b) { return std::pair(a != request.process, a) < std::pair(b != request.process, b); });
  return members;
}

bool Responses::is_named(Tid process, uint64_t start_ns) const {
  if (context_.tasks.find(process) == nullptr) return false;
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(process.get());
  context_.state.attach(sighting);
  return sighting.process && sighting.process->start_ns == start_ns;
}

bool Responses::is_excepted(Tid process, const ResponseRequest& request) {
  if (request.programs.empty()) return false;
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(process.get());
  context_.state.attach(sighting);
  return sighting.process && vedette::is_excepted(PreventRow{.programs = request.programs}, *sighting.process, start_.now_ns());
}

// All marks first: between two kills a process could make another, but none that its mark does not reach.
void Responses::kill(const ResponseRequest& request, Pending pending) {
  if (request.action == ResponseAction::KillTree) {
    for (const Tid member : pending.alive) {
      each_of(member, [&](Task& task) { task.doomed_by = request.id; });
    }
  }
  for (const Tid member : pending.alive) (void)::kill(member.get(), SIGKILL);
  pending_.push_back(std::move(pending));
}

void Responses::freeze(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members) {
  pending.until_ns = monotonic_ns() + request.for_ns;
  for (const Tid member : members) {
    each_of(member, [&](Task& task) {
      task.frozen_until_ns = std::max(task.frozen_until_ns, pending.until_ns);
      if (!task.stay) (void)ptrace_interrupt(task.tid);
    });
  }
  freezes_.push_back({request.id, pending.until_ns});
  pending_.push_back(std::move(pending));
}

void Responses::on_birth(const Task& maker, Task& child, bool is_thread, uint64_t now_ns) {
  const Ref<Lineage> of_maker = lineage_of(maker);
  child.lineage = is_thread ? of_maker : make_ref<Lineage>(child.tid, now_ns, of_maker);
  child.frozen_until_ns = maker.frozen_until_ns;
  child.doomed_by = maker.doomed_by;
  if (child.doomed_by == 0 || is_thread) return;
  (void)::kill(child.tid.get(), SIGKILL);
  for (Pending& pending : pending_) {
    if (pending.id != child.doomed_by) continue;
    pending.alive.push_back(child.tid);
    ++pending.processes;
  }
}

void Responses::on_ended(Tid process) {
  for (Pending& pending : pending_) std::erase(pending.alive, process);
}

// Who is held by its debugger does not run either; a child's first stop is a stop.
bool Responses::is_over(const Pending& pending, uint64_t now) const {
  if (pending.action != ResponseAction::Freeze || now >= pending.until_ns) return pending.alive.empty();
  bool all = true;
  context_.tasks.each([&](const Task& task) {
    if (task.frozen_until_ns < pending.until_ns || task.stay || task.phase == Phase::Starting) return;
    all &= task.debugged != nullptr && task.debugged->held != Held::No;
  });
  return all;
}

void Responses::settle(uint64_t now) {
  std::erase_if(pending_, [&](const Pending& pending) {
    const bool is_done = is_over(pending, now);
    if (!is_done && now < pending.deadline_ns) return false;
    ResponseAnswer answer{.id = pending.id, .processes = pending.processes, .why = pending.spared};
    if (!is_done) {
      answer.why += answer.why.empty() ? "" : "; ";
      answer.why += pending.alive.empty() ? "some threads have not come out of the kernel yet" : "not ended yet: " + named(pending.alive);
    }
    answer.status = answer.why.empty() ? ResponseStatus::Done : ResponseStatus::Partial;
    desk_.answer(std::move(answer));
    return true;
  });
}

void Responses::thaw(uint64_t now) {
  std::vector<Freeze> over;
  std::erase_if(freezes_, [&](const Freeze& one) {
    if (one.until_ns <= now) over.push_back(one);
    return one.until_ns <= now;
  });
  if (over.empty()) return;
  std::vector<Tid> processes;
  context_.tasks.each([&](Task& task) {
    if (task.frozen_until_ns == 0 || task.frozen_until_ns > now) return;
    if (task.is_leader()) processes.push_back(task.process);
    let_go(task);
  });
  for (const Freeze& one : over) desk_.answer({.id = one.id, .step = ResponseStep::Ended, .processes = processes.size(), .why = {}});
}

// One that was killed meanwhile has left the stop: what it is in now is still to be told (report.h).
void Responses::let_go(Task& task) {
  task.frozen_until_ns = 0;
  const std::optional<Stay> stay = std::exchange(task.stay, std::nullopt);
  if (stay && !ptrace_has_news(task.tid)) (void)ptrace_resume(task.tid, stay->how, stay->signal);
}

void Responses::set_timer() {
  uint64_t next = pending_.empty() ? 0 : monotonic_ns() + kLookNs;
  for (const Freeze& one : freezes_) next = next == 0 ? one.until_ns : std::min(next, one.until_ns);
  if (!has_timer_ || next == armed_ns_) return;
  armed_ns_ = next;
  itimerspec when = {};
  // Again and again, because a wake that comes just before the wait is lost.
  when.it_interval = {0, next == 0 ? 0 : kAgainNs};
  when.it_value = {static_cast<time_t>(next / 1'000'000'000), static_cast<long>(next % 1'000'000'000)};
  (void)::timer_settime(timer_, TIMER_ABSTIME, &when, nullptr);
}

// Of a process that was there before anybody told of its birth, the books say when it started and who its
// parent is.
const Ref<Lineage>& Responses::lineage_of(const Task& task) {
  if (task.lineage) return task.lineage;
  const Task* const leader = context_.tasks.find(task.process);
  if (leader != nullptr && leader != &task) return task.lineage = lineage_of(*leader);
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(task.process.get());
  context_.state.attach(sighting);
  Ref<Lineage> parents;
  if (sighting.process && sighting.process->parent) {
    const Task* const parent = context_.tasks.find(Tid(static_cast<pid_t>(sighting.process->parent->pid)));
    // Its number may be another's by now.
    const bool is_it = parent != nullptr && is_named(parent->process, sighting.process->parent->start_ns);
    if (is_it && parent->process != task.process) parents = lineage_of(*parent);
  }
  return task.lineage = make_ref<Lineage>(task.process, sighting.process ? sighting.process->start_ns : 0, std::move(parents));
}

template <typename Function>
void Responses::each_of(Tid process, Function function) {
  context_.tasks.each([&](Task& task) {
    if (task.process == process) function(task);
  });
}

}  // namespace vedette
