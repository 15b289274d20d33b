// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/lives.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "capture/kernel/proc.h"
#include "capture/tracer/clone_arguments.h"
#include "capture/tracer/nested.h"
#include "capture/tracer/responses.h"

namespace vedette {
namespace {

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

// Of a call that nobody saw begin: a stranger that was attached in it.
Birth birth_at(const Task& parent, const Report& report) {
  const bool is_vfork = report.status.event() == PTRACE_EVENT_VFORK;
  Birth birth{.id = EventId::none};
  if (is_vfork) birth.flags = CLONE_VFORK | CLONE_VM;
  std::string status;
  constexpr size_t kStatusMax = 8192;
  if (!read_file(ProcPath(Tid(static_cast<pid_t>(report.message)), "status"), status, kStatusMax)) return birth;
  if (status_field(status, "Tgid") == std::to_string(parent.process.get())) {
    birth.flags = CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND;
  }
  return birth;
}

}  // namespace

void Lives::on_launch(Tid tid) {
  context_.root = tid;
  context_.tasks.add(tid, tid, make_ref<AddressSpace>()).phase = Phase::Launching;
}

void Lives::on_forked(Task& parent, const Report& report) {
  const std::unique_ptr<Birth> birth = context_.births.close(parent);
  const Tid child(static_cast<pid_t>(report.message));
  take_back_arguments(parent);
  bear(parent, birth != nullptr ? *birth : birth_at(parent, report), child, context_.births.take(child), report.status.event());
  settle_fork(parent, child);
  if (!context_.nested->on_event(parent, report.status.event())) context_.go_on(parent);
}

// The one way a task comes into the table. It has not run an instruction, whatever was heard of it so far.
void Lives::bear(Task& parent, const Birth& birth, Tid child_tid, std::optional<Report> heard, int event) {
  const uint64_t flags = birth.flags, now = context_.clock.now_ns();
  context_.outsiders->on_birth(child_tid);
  if (context_.state.knows(number(parent.tid))) context_.state.on_fork(number(parent.tid), number(child_tid), flags, now);
  else context_.state.on_launch(number(child_tid), now);
  if (heard && heard->stop == Stop::Ended) {  // killed before it ran
    if ((flags & CLONE_THREAD) == 0) emit_exit(child_tid, heard->status);
    return context_.state.on_thread_exit(number(child_tid));
  }
  const Tid process = (flags & CLONE_THREAD) != 0 ? parent.process : child_tid;
  Task& child = context_.tasks.add(child_tid, process, (flags & CLONE_VM) != 0 ? parent.space : copy_of(*parent.space));
  inherit(parent, child);
  if (context_.responses != nullptr) context_.responses->on_birth(parent, child, (flags & CLONE_THREAD) != 0, now);
  if (birth.own) child.born_with = std::make_unique<ArgumentRegisters>(*birth.own);
  context_.hooks.on_forked(parent, child, flags);
  context_.nested->on_forked(parent, child, event, flags);
  if (context_.witness != nullptr && !child.stranger) context_.witness->on_birth(number(child_tid), number(process), number(parent.process));
  emit_birth(birth, child_tid);
  if (heard) on_first_stop(child, *heard);
}

// Whether it has the filter is certain only when the call that made it was itself stopped by the filter: one
// begun before may have copied its parent before the filter came. Then it is asked to take it again; twice is
// no harm.
void Lives::inherit(const Task& parent, Task& child) {
  child.reading_executes = parent.reading_executes;
  child.filters = parent.filters;
  child.unbelieved = parent.unbelieved;
  if (parent.is_distrusted()) child.distrust();
  if (!parent.stranger) return;
  context_.tasks.mark_stranger(child);
  child.has_filter = parent.has_filter && parent.call != nullptr && parent.call->was_filtered;
  child.bound = parent.bound;
}

// The kernel has read what it was pointed to.
void Lives::take_back_arguments(Task& parent) {
  PendingCall* const call = parent.call.get();
  if (call == nullptr || !call->registers_changed) return;
  put_back(parent.tid, {call->before, call->sighting.event.call.abi == Abi::I386});
  call->registers_changed = false;
  call->sealed.reset();
}

// The call cannot fail any more, and its result is the child's number: waiting for its return would only be
// one stop more. Not where the parent calls the child by another number than we, or of a stranger.
void Lives::settle_fork(Task& parent, Tid child) {
  if (parent.phase != Phase::InCall) return;
  if (parent.stranger || parent.is_distrusted() || !context_.state.shares_pids(number(parent.tid))) return;
  parent.phase = Phase::Running;
  parent.call->sighting.event.call.exit_ns = context_.clock.now_ns();
  calls_.settle(parent, std::move(parent.call), child.get());
}

// A call that makes a task returns twice, and the return in the child, with 0, is an event of the child's (as
// in Falco).
void Lives::emit_birth(const Birth& birth, Tid child) {
  if (birth.id == EventId::none) return;
  Sighting sighting;
  Event& event = sighting.event;
  event.reset(birth.id);
  event.call = birth.call;
  event.call.tid = number(child);
  event.call.exit_ns = context_.clock.now_ns();
  event.call.result = 0;
  event.call.returned = true;
  std::copy_n(birth.slots, event.info().slots, event.slots);  // flags: a number, no text
  context_.state.attach(sighting);
  context_.record(sighting);
}

// A thread that was made while its group is being stopped begins its life stopped. One that was killed
// meanwhile is about to end.
void Lives::on_first_stop(Task& child, const Report& report) {
  if (report.stop == Stop::Exiting) return on_exiting(child, report);
  if (has_moved_on_meanwhile(report)) return;
  bool has_looked = child.born_with || child.untold || child.is_close();
  if (child.born_with) put_back(child.tid, *std::exchange(child.born_with, nullptr));
  if (std::exchange(child.untold, false) && has_executed(child.tid)) {
    context_.state.on_found(number(child.tid), context_.clock.now_ns());
    context_.found_program(child.tid);
  }
  has_looked |= context_.hooks.on_start(child);
  if (child.tightened || child.unbelieved) context_.close(child);
  // Killed meanwhile, it may still have a copy of its maker's registers: it starts at its end (on_exiting).
  // Of a vfork child nothing was asked since the report was gathered, and so there was no such while.
  if (has_looked && has_moved_on(report)) return;
  child.phase = Phase::Running;
  if (context_.nested->on_first_stop(child, report.status)) return;
  child.halted = report.status.is_group_stop();
  context_.resume(child, child.halted ? Resume::Listen : child.onward());
}

void Lives::adopt_orphans() {
  while (const std::optional<Report> orphan = context_.births.take_orphan()) adopt(*orphan);
}

// Its registers say whose copy it is. Of a maker that we did not see, which there should not be, /proc knows
// who it was.
void Lives::adopt(const Report& orphan) {
  const Result<Registers> registers = ptrace_registers(orphan.tid);
  const std::unique_ptr<Task> maker = registers ? context_.births.maker_of(*registers) : nullptr;
  if (maker != nullptr) return bear(*maker, *maker->birth, orphan.tid, orphan, 0);
  std::string status;
  constexpr size_t kStatusMax = 8192;
  (void)read_file(ProcPath(orphan.tid, "status"), status, kStatusMax);
  const Tid process = status_tid(status, "Tgid");
  const bool is_thread = process.is_set() && process != orphan.tid;
  Task stand_in(is_thread ? process : status_tid(status, "PPid"), is_thread ? process : status_tid(status, "PPid"), make_ref<AddressSpace>());
  stand_in.space->served = true;  // for all we know
  if (const Task* const known = context_.tasks.find(stand_in.tid); known != nullptr) {
    stand_in.space = is_thread ? known->space : copy_of(*known->space);
    stand_in.stranger = known->stranger;
    stand_in.watch_as(*known);
    stand_in.bear_marks_of(*known);
    stand_in.reading_executes = known->reading_executes;
    stand_in.filters = known->filters;
    stand_in.unbelieved = known->unbelieved;
  }
  Birth birth{.id = EventId::none};
  if (is_thread) birth.flags = CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND;
  bear(stand_in, birth, orphan.tid, orphan, 0);
}

void Lives::on_exec(const Report& report) {
  const Tid tid = report.tid;
  Tid former(static_cast<pid_t>(report.message));
  Task* task = context_.tasks.find(former);
  if (task == nullptr) task = context_.tasks.find(former = tid);  // a stranger, attached in the middle of its exec
  if (task == nullptr) return (void)ptrace_resume(tid, Resume::Run);
  if (former != tid) {
    if (context_.tasks.find(tid) != nullptr) bury(context_.tasks.take(tid));
    task = &context_.tasks.rename(former, tid);
    if (task->call != nullptr) task->call->sighting.event.call.tid = number(tid);
  }
  for (std::unique_ptr<PendingCall>& call : std::exchange(task->interrupted, {})) calls_.abandon(*task, std::move(call));
  if (context_.witness != nullptr) {
    // Of a stranger no call was surely seen before it executed something under the filter.
    if (task->stranger && task->trap() == Trap::Every) context_.witness->on_end(number(tid));
    else context_.witness->on_exec(number(tid), number(former));
  }
  task->process = tid;
  task->space = make_ref<AddressSpace>();
  task->memory.forget();
  task->reading_executes = false;  // the kernel clears it for a 64-bit image
  task->begin_image();
  task->untold = false;
  if (task->phase == Phase::Launching) {
    exec_launched(*task);
  } else {
    context_.state.on_exec(number(tid), number(former), context_.clock.now_ns());
  }
  context_.hooks.on_exec(*task);
  // From here on it cannot fail; waiting for its return would only be one stop more.
  if (task->call != nullptr) {
    task->phase = Phase::Running;
    task->call->sighting.event.call.exit_ns = context_.clock.now_ns();
    calls_.settle(*task, std::move(task->call), 0);
  } else if (task->stranger) {
    context_.found_program(tid);  // it was in the call when we attached it
  }
  if (context_.prevention != nullptr && context_.prevention->must_end(context_, *task)) (void)::kill(tid.get(), SIGKILL);
  if (!context_.nested->on_event(*task, PTRACE_EVENT_EXEC)) context_.resume(*task);
}

// Only now is there a workload: until here the process was ours, with our descriptors.
void Lives::exec_launched(Task& task) {
  context_.state.on_launch(number(task.tid), context_.clock.now_ns());
  context_.state.on_exec(number(task.tid), number(task.tid), context_.clock.now_ns());  // what a fresh image tells of itself
  task.phase = Phase::InCall;
  if (task.call != nullptr) context_.state.before_call(task.call->sighting);
  if (context_.no_new_privs) {
    context_.notice(task.tid, Notice::NO_NEW_PRIVS, "seccomp", "setuid and file capabilities have no effect");
  }
}

// Killed at the very moment of its exec, a task never stops for it; but until it is let go here, its new
// image can be read.
void Lives::on_exiting(Task& task, const Report& report) {
  task.frozen_until_ns = 0;  // who ends must be let go
  task.stay.reset();
  // Killed before its first stop: it has a copy of its maker's registers still, and nothing of it is its own.
  if (task.phase == Phase::Starting) {
    task.phase = Phase::Running;
    context_.hooks.on_start(task);
  }
  if (calls_.has_execed(task)) {
    if (context_.witness != nullptr) context_.witness->on_exec(number(task.tid), number(task.tid));
    context_.state.on_exec(number(task.tid), number(task.tid), context_.clock.now_ns());
  }
  if (task.birth != nullptr) bear_at_exit(task);
  if (task.phase != Phase::Launching) calls_.on_exiting(task);
  context_.hooks.on_exiting(task);
  hear_witness(task);
  if (!may_be_succeeded(task) || !has_moved_on(report)) {
    if (!context_.nested->on_exiting(task)) context_.resume(task);
  }
}

// A leader may be gone by now, and the thread that executed a program have its number: that one's stop is not
// this one. Between a look at that and the request there is no time for a death and an exec, unless we are
// kept from running just there. Of whom no other task has the memory there is no other thread; of a stranger
// some may not be attached.
bool Lives::may_be_succeeded(const Task& task) { return task.stranger || !task.is_leader() || task.space.shared(); }

// Killed between making a child and telling of it; but the call has its result, which is the child's number.
void Lives::bear_at_exit(Task& parent) {
  const std::optional<int64_t> result = calls_.result_at_exit(parent);
  if (!result || *result <= 0 || !context_.state.shares_pids(number(parent.tid))) return;
  const std::unique_ptr<Birth> birth = context_.births.close(parent);
  const Tid child(static_cast<pid_t>(*result));
  bear(parent, *birth, child, context_.births.take(child), 0);
}

// A core dump was written in the name of the thread that died of it.
void Lives::hear_witness(const Task& task) {
  if (context_.witness == nullptr) return;
  const std::optional<IoWitness::Mismatch> mismatch = context_.witness->on_exiting(number(task.tid));
  if (!mismatch) return;
  const Result<unsigned long> status = ptrace_event_message(task.tid);
  if (!status || !WCOREDUMP(static_cast<int>(*status))) context_.doubt(mismatch);
}

void Lives::on_ended(const Report& report) {
  const Tid tid = report.tid;
  const Task* const task = context_.tasks.find(tid);
  if (task == nullptr) return context_.births.hear_of(report);
  const bool is_told = task->is_leader() && task->phase != Phase::Launching;
  std::unique_ptr<Task> gone = context_.tasks.take(tid);
  calls_.abandon_all(*gone);
  if (is_told) emit_exit(tid, report.status);
  if (context_.responses != nullptr && gone->is_leader()) context_.responses->on_ended(tid);
  context_.nested->on_ended(*gone, report.status);
  bury(std::move(gone));
  if (tid == context_.root) context_.sink.on_root_end(report.status);
}

// It is out of the table, and will not be heard of again.
void Lives::bury(std::unique_ptr<Task> task) {
  calls_.abandon_all(*task);
  context_.hooks.on_end(*task);
  if (context_.witness != nullptr) context_.witness->on_end(number(task->tid));
  context_.state.on_thread_exit(number(task->tid));
  if (task->birth != nullptr) context_.births.depart(std::move(task));
}

void Lives::bury_all() {
  std::vector<Tid> left;
  context_.tasks.each([&left](const Task& task) { left.push_back(task.tid); });
  for (const Tid tid : left) bury(context_.tasks.take(tid));
}

// The leader is waited for last, so this is the end of the whole process.
void Lives::emit_exit(Tid tid, WaitStatus status) {
  Sighting sighting;
  describe_exit(sighting.event, number(tid), status.get(), context_.clock.now_ns(), 0);
  context_.state.attach(sighting);
  context_.record(sighting);
}

}  // namespace vedette
