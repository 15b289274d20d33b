// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/responses.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

const char* verb_of(ResponseAction action) {
  switch (action) {
    case ResponseAction::Kill:
    case ResponseAction::KillTree: return "killed";
    case ResponseAction::Freeze: return "frozen";
    case ResponseAction::Tighten: return "tightened";
    case ResponseAction::Deny: return "denied calls to";
  }
  return "";
}

bool is_of_neighbour(State& state, Tid process) {
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(process.get());
  state.attach(sighting);
  return sighting.process && sighting.process->of_neighbour;
}

// Here reports may wait, and one of them may be its end: its number could be another's by now. What we have
// not waited for keeps its number, and nobody but us waits.
bool is_unreaped(Tid process) {
  siginfo_t info;
  return ::waitid(P_PID, static_cast<id_t>(process.get()), &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0;
}

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
  if (!desk_.has_requests() && pending_.empty() && holds_.empty()) return;
  if (desk_.has_requests()) {
    for (const ResponseRequest& request : desk_.take_requests()) take(request);
  }
  const uint64_t now = monotonic_ns();
  settle(now);  // before its end is told
  thaw(now);
  set_timer();
}

// What was done by then is told as done: the first process may be the very one that was to be killed.
void Responses::end() {
  for (auto& [number, pending] : pending_) tell(pending, is_over(pending));
  for (const Hold& hold : holds_) {
    desk_.answer({.id = hold.request.id, .asker = hold.request.asker, .step = ResponseStep::Ended, .why = "the workload has ended"});
  }
  pending_.clear();
  holds_.clear();
  desk_.close();
}

void Responses::take(const ResponseRequest& request) {
  ResponseAnswer answer{.id = request.id, .asker = request.asker};
  const auto end = [&](ResponseStatus status, std::string why) {
    answer.status = status;
    answer.why = std::move(why);
    desk_.answer(std::move(answer));
  };
  if (request.process == Tid(::getpid())) return end(ResponseStatus::Refused, "it is the agent");
  const bool ends = request.action == ResponseAction::Freeze || (request.action == ResponseAction::Deny && request.for_ns != 0);
  if (ends && !has_timer_) {
    return end(ResponseStatus::Failed, "the kernel gives us no timer, so nothing would end it");
  }
  if (is_thread(request.process, request.start_ns)) return end(ResponseStatus::Refused, "it is a thread, and not a process");
  const bool is_there = is_named(request.process, request.start_ns);
  if (is_there && is_first(request.process) && !request.names_first) {
    return end(ResponseStatus::Refused, "it is the workload's first process, and `first_process` is not set");
  }
  if (is_there && is_excepted(request.process, request)) return end(ResponseStatus::Refused, "its program is one of `except`");
  std::vector<Tid> members = members_of(request);
  if (members.empty()) {
    const bool is_known = context_.state.knows(static_cast<uint32_t>(request.process.get()));
    return end(ResponseStatus::Gone, is_known ? "another process has its number by now" : "it has ended, or the kernel does not let us trace it");
  }
  if (request.action == ResponseAction::Deny && std::any_of(members.begin(), members.end(), [this](Tid member) { return is_of_neighbour(context_.state, member); })) {
    return end(ResponseStatus::Refused, "it is another container's, whom no row of this one concerns");
  }
  std::vector<Tid> spared;
  std::erase_if(members, [&](Tid member) {
    const bool is_spared = is_excepted(member, request);
    if (is_spared) spared.push_back(member);
    return is_spared;
  });
  answer.processes = members.size();
  const std::string left_alone = spared.empty() ? "" : "left alone, as `except` says: " + named(spared);
  if (request.dry_run) {
    const std::string would = std::string("a dry run: it would have ") + verb_of(request.action) + " " + named(members);
    return end(spared.empty() ? ResponseStatus::Done : ResponseStatus::Partial, spared.empty() ? would : would + "; " + left_alone);
  }
  if (request.action == ResponseAction::Deny && is_full(members)) {
    return end(ResponseStatus::Failed, "so many responses deny it calls that no more are taken");
  }
  answer.why = left_alone;
  Pending pending{.answer = std::move(answer), .action = request.action, .deadline_ns = monotonic_ns() + kPatienceNs, .until_ns = 0, .alive = {}, .restless = {}};
  switch (request.action) {
    case ResponseAction::Kill:
    case ResponseAction::KillTree: return kill(request, std::move(pending), members);
    case ResponseAction::Freeze: return freeze(request, std::move(pending), members, spared);
    case ResponseAction::Tighten: return tighten(std::move(pending), members);
    case ResponseAction::Deny: return deny(request, std::move(pending), members, spared);
  }
}

// Of a tree the process itself comes first, if it is still there.
std::vector<Tid> Responses::members_of(const ResponseRequest& request) {
  std::vector<Tid> members;
  if (request.action == ResponseAction::Kill) {
    if (is_named(request.process, request.start_ns)) members.push_back(request.process);
    return members;
  }
  Descent tree(request.process, request.start_ns);
  context_.tasks.each([&](Task& task) {
    if (task.is_leader() && tree.has(*lineage_of(task))) members.push_back(task.process);
  });
  std::sort(members.begin(), members.end(), [&](Tid a, Tid b) { return std::pair(a != request.process, a) < std::pair(b != request.process, b); });
  return members;
}

// A thread has its process's start: by its number, the first process would be spared no more.
bool Responses::is_named(Tid process, uint64_t start_ns) const {
  const Task* const task = context_.tasks.find(process);
  return task != nullptr && task->is_leader() && has_start(process, start_ns);
}

bool Responses::is_thread(Tid tid, uint64_t start_ns) const {
  const Task* const task = context_.tasks.find(tid);
  return task != nullptr && !task->is_leader() && has_start(tid, start_ns);
}

bool Responses::has_start(Tid tid, uint64_t start_ns) const {
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(tid.get());
  context_.state.attach(sighting);
  return sighting.process && sighting.process->start_ns == start_ns;
}

// Once it has ended, its number is another's.
bool Responses::is_first(Tid process) const { return process == context_.root && !has_first_ended_; }

bool Responses::is_excepted(Tid process, const ResponseRequest& request) {
  if (request.programs.empty()) return false;
  Sighting sighting;
  sighting.event.call.tid = static_cast<uint32_t>(process.get());
  context_.state.attach(sighting);
  return sighting.process && vedette::is_excepted(PreventRow{.programs = request.programs}, *sighting.process, start_.now_ns());
}

// All marks first: between two kills a process could make another, but none that its mark does not reach.
void Responses::kill(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members) {
  const uint64_t number = ++number_;
  if (request.action == ResponseAction::KillTree) {
    each_of(members, [&](Task& task) { task.doomed_by = number; });
  }
  for (const Tid member : members) (void)::kill(member.get(), SIGKILL);
  pending.alive.insert(members.begin(), members.end());
  pending_.emplace(number, std::move(pending));
}

// Of two freezes of one task, the later end holds.
void Responses::freeze(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members, const std::vector<Tid>& spared) {
  pending.until_ns = monotonic_ns() + request.for_ns;
  each_of(members, [&](Task& task) {
    task.frozen_until_ns = std::max(task.frozen_until_ns, pending.until_ns);
    if (task.stay) return;
    (void)ptrace_interrupt(task.tid);
    pending.restless.push_back(task.tid);
  });
  holds_.push_back({.request = request, .until_ns = pending.until_ns, .spared = Processes(spared.begin(), spared.end())});
  pending_.emplace(++number_, std::move(pending));
}

// As for a debugger: the code first, and then each thread, once it stands in its own code (nested.cc). One
// that was asked before may still be on its way out of the kernel.
void Responses::tighten(Pending pending, const std::vector<Tid>& members) {
  each_of(members, [&](Task& task) {
    if (std::exchange(task.tightened, true) && task.trap() == Trap::Every && !task.owes_stop) return;
    context_.hooks.on_debugged(task);
    context_.state.stops_for(static_cast<uint32_t>(task.tid.get()), IntegrityReason::TIGHTENED);
    (void)ptrace_interrupt(task.tid);
    pending.restless.push_back(task.tid);
  });
  pending_.emplace(++number_, std::move(pending));
}

// Each thread is asked to stop, also one that is tightened already: it may sit in a call that began before
// the rows held. It comes out of it, and what it makes again is judged.
void Responses::deny(const ResponseRequest& request, Pending pending, const std::vector<Tid>& members, const std::vector<Tid>& spared) {
  const Ref<Ban> ban = make_ref<Ban>(request.rows);
  each_of(members, [&](Task& task) {
    task.bans.push_back(ban);
    task.owes_stop = true;
  });
  if (request.for_ns != 0) {
    pending.until_ns = monotonic_ns() + request.for_ns;
    holds_.push_back({.request = request, .until_ns = pending.until_ns, .spared = Processes(spared.begin(), spared.end()), .ban = ban});
  }
  tighten(std::move(pending), members);
}

bool Responses::is_full(const std::vector<Tid>& members) {
  bool is_any = false;
  each_of(members, [&](const Task& task) { is_any = is_any || task.bans.size() >= kBansMax; });
  return is_any;
}

void Responses::on_birth(const Task& maker, Task& child, bool is_thread, uint64_t now_ns) {
  const Ref<Lineage> of_maker = lineage_of(maker);
  child.lineage = is_thread ? of_maker : make_ref<Lineage>(child.tid, now_ns, of_maker);
  child.bear_marks_of(maker);
  if (child.doomed_by == 0 || is_thread) return;
  if (is_unreaped(child.tid)) (void)::kill(child.tid.get(), SIGKILL);
  const auto pending = pending_.find(child.doomed_by);
  if (pending == pending_.end()) return;
  pending->second.alive.insert(child.tid);
  ++pending->second.answer.processes;
}

void Responses::on_ended(Tid process) {
  for (auto& [number, pending] : pending_) pending.alive.erase(process);
  if (process == context_.root) has_first_ended_ = true;
}

// Each stop of a tree that is being frozen comes here, so not every time all of it is looked at.
void Responses::settle(uint64_t now) {
  const bool looks = now >= look_ns_;
  if (looks) look_ns_ = now + kLookNs;
  std::erase_if(pending_, [&](auto& one) {
    Pending& pending = one.second;
    const bool is_late = now >= pending.deadline_ns || (pending.until_ns != 0 && now >= pending.until_ns);
    if (!looks && !is_late && !pending.restless.empty()) return false;
    const bool is_done = is_over(pending);
    if (!is_done && !is_late) return false;
    tell(pending, is_done);
    return true;
  });
}

bool Responses::is_over(Pending& pending) const {
  std::erase_if(pending.restless, [&](Tid tid) { return is_still(tid, pending); });
  return pending.alive.empty() && pending.restless.empty();
}

// Who is held by its debugger does not run either; a child's first stop is a stop. Who has ended is still.
bool Responses::is_still(Tid tid, const Pending& pending) const {
  const Task* const task = context_.tasks.find(tid);
  if (task == nullptr || task->phase == Phase::Starting) return true;
  if (pending.action == ResponseAction::Tighten) return task->trap() == Trap::Every;
  if (pending.action == ResponseAction::Deny) return task->trap() == Trap::Every && !task->owes_stop;
  if (task->frozen_until_ns < pending.until_ns || task->stay) return true;
  return task->debugged != nullptr && task->debugged->held != Held::No;
}

void Responses::tell(Pending& pending, bool is_done) {
  ResponseAnswer& answer = pending.answer;
  if (!is_done) {
    answer.why += answer.why.empty() ? "" : "; ";
    std::vector<Tid> alive(pending.alive.begin(), pending.alive.end());
    std::sort(alive.begin(), alive.end());
    answer.why += alive.empty() ? "some threads have not come out of the kernel yet" : "not ended yet: " + named(alive);
  }
  answer.status = answer.why.empty() ? ResponseStatus::Done : ResponseStatus::Partial;
  desk_.answer(std::move(answer));
}

// All ends are told before anybody is let go: what they say is who was held until then.
void Responses::thaw(uint64_t now) {
  const auto is_due = [&](const Hold& one) { return one.until_ns <= now; };
  if (std::none_of(holds_.begin(), holds_.end(), is_due)) return;
  for (const Hold& one : holds_) {
    if (!is_due(one)) continue;
    desk_.answer(one.ban ? end_of_ban(one) : end_of(one, now));
    if (one.ban) one.ban->is_over = true;
  }
  std::erase_if(holds_, is_due);
  context_.tasks.each([&](Task& task) {
    std::erase_if(task.bans, [](const Ref<Ban>& ban) { return ban->is_over; });
    if (task.frozen_until_ns != 0 && task.frozen_until_ns <= now) let_go(task);
  });
}

ResponseAnswer Responses::end_of(const Hold& hold, uint64_t now) {
  const ResponseRequest& request = hold.request;
  Descent tree(request.process, request.start_ns);
  uint64_t going = 0, held = 0;
  context_.tasks.each([&](Task& task) {
    const bool is_meant = task.is_leader() && task.frozen_until_ns != 0 && !hold.spared.contains(task.process);
    if (is_meant && tree.has(*lineage_of(task))) ++(task.frozen_until_ns <= now ? going : held);
  });
  std::string why = held == 0 ? "" : "another freeze holds " + std::to_string(held) + " of them for longer";
  return {.id = request.id, .asker = request.asker, .step = ResponseStep::Ended, .processes = going, .why = std::move(why)};
}

ResponseAnswer Responses::end_of_ban(const Hold& hold) {
  uint64_t going = 0;
  context_.tasks.each([&](const Task& task) {
    going += task.is_leader() && std::find(task.bans.begin(), task.bans.end(), hold.ban) != task.bans.end();
  });
  return {.id = hold.request.id, .asker = hold.request.asker, .step = ResponseStep::Ended, .processes = going};
}

// One that was killed meanwhile has left the stop: what it is in now is still to be told (report.h).
void Responses::let_go(Task& task) {
  task.frozen_until_ns = 0;
  const std::optional<Stay> stay = std::exchange(task.stay, std::nullopt);
  if (stay && !ptrace_has_news(task.tid)) (void)ptrace_resume(task.tid, stay->how, stay->signal);
}

void Responses::set_timer() {
  uint64_t next = pending_.empty() ? 0 : look_ns_;
  for (const Hold& one : holds_) next = next == 0 ? one.until_ns : std::min(next, one.until_ns);
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

// One look at all tasks, however many processes there are.
template <typename Function>
void Responses::each_of(const std::vector<Tid>& processes, Function function) {
  const Processes meant(processes.begin(), processes.end());
  context_.tasks.each([&](Task& task) {
    if (meant.contains(task.process)) function(task);
  });
}

}  // namespace vedette
