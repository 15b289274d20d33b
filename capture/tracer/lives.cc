// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/lives.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "capture/kernel/proc.h"
#include "capture/tracer/clone_arguments.h"
#include "capture/tracer/strangers.h"

namespace vedette {
namespace {

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

// clone's flags as the program gave them; fork and vfork stand for fixed ones.
uint64_t clone_flags(const Task& parent, int event) {
  const PendingCall* call = parent.call.get();
  if (call != nullptr && call->sighting.event.id == EventId::clone) return call->sighting.event.call.args[0];
  if (call != nullptr && call->sighting.event.id == EventId::clone3) return static_cast<uint64_t>(call->sighting.event.integer(slot::clone3_::flags));
  return event == PTRACE_EVENT_VFORK ? CLONE_VFORK | CLONE_VM : 0;
}

bool exists(Tid tid) { return ::syscall(SYS_tkill, tid.get(), 0) == 0 || errno != ESRCH; }

Tid tid_field(std::string_view status, std::string_view name) {
  const std::string_view text = status_field(status, name);
  pid_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return Tid(value);
}

}  // namespace

void Lives::on_launch(Tid tid) {
  context_.root = tid;
  context_.tasks.add(tid, tid, make_ref<AddressSpace>()).phase = Phase::Launching;
}

void Lives::on_forked(Task& parent, int event) {
  const Result<unsigned long> message = ptrace_event_message(parent.tid);
  if (!message) return;
  const Tid child_tid(static_cast<pid_t>(*message));
  context_.lookout.took(child_tid);
  const uint64_t flags = clone_flags(parent, event);
  std::unique_ptr<ArgumentRegisters> own = take_back_arguments(parent);
  if (Task* const adopted = context_.tasks.find(child_tid)) {
    complete_adopted(parent, *adopted, flags);
    return (void)ptrace_resume(parent.tid, settle_fork(parent, child_tid));
  }
  const Tid process = (flags & CLONE_THREAD) != 0 ? parent.process : child_tid;
  if (context_.tasks.may_have_ended(child_tid) && !exists(child_tid)) {  // killed, and its end already heard, before this
    context_.state.on_fork(number(parent.tid), number(child_tid), flags, context_.clock.now_ns());
    context_.state.on_thread_exit(number(child_tid));
    return (void)ptrace_resume(parent.tid, settle_fork(parent, child_tid));
  }
  Ref<AddressSpace> space = parent.space;
  if ((flags & CLONE_VM) == 0) {
    space = make_ref<AddressSpace>();
    if (parent.space->data) space->data = parent.space->data->copy();
    space->sealed = parent.space->sealed;
  }
  Task& child = context_.tasks.add(child_tid, process, std::move(space));
  inherit(parent, child);
  child.born_with = std::move(own);
  context_.state.on_fork(number(parent.tid), number(child_tid), flags, context_.clock.now_ns());
  context_.hooks.on_forked(parent, child, flags);
  if (context_.witness != nullptr && !child.stranger) context_.witness->on_birth(number(child_tid), number(process), number(parent.process));
  emit_birth(parent, child_tid);
  const Resume how = settle_fork(parent, child_tid);
  if (const std::optional<WaitStatus> stopped = context_.tasks.take_stray(child_tid)) on_first_stop(child, *stopped);
  (void)ptrace_resume(parent.tid, how);
}

// Whether it has the filter is certain only when the call that made it was itself stopped by the filter: one begun before
// may have copied its parent before the filter came. Then it is asked to take it again; twice is no harm.
void Lives::inherit(const Task& parent, Task& child) {
  if (!parent.stranger) return parent.distrusted ? child.distrust() : void();
  context_.tasks.mark_stranger(child);
  const bool has_filter = parent.trap == Trap::Filter && parent.call != nullptr && parent.call->trap == Trap::Filter;
  child.trap = has_filter ? Trap::Filter : Trap::Every;
  if (parent.distrusted && has_filter) child.distrust();
  child.bound = parent.bound;
}

// The kernel has read what it was pointed to.
std::unique_ptr<ArgumentRegisters> Lives::take_back_arguments(Task& parent) {
  PendingCall* const call = parent.call.get();
  if (call == nullptr || !call->registers_changed) return nullptr;
  auto own = std::make_unique<ArgumentRegisters>(call->before, call->sighting.event.call.abi == Abi::I386);
  put_back(parent.tid, *own);
  call->registers_changed = false;
  call->sealed.reset();
  return own;
}

// The call cannot fail any more, and its result is the child's number: waiting for its return would only be one stop more.
// Not where the parent calls the child by another number than we, or of a stranger.
Resume Lives::settle_fork(Task& parent, Tid child) {
  if (parent.phase != Phase::InCall) return parent.onward();
  if (parent.stranger || parent.distrusted || !context_.state.shares_pids(number(parent.tid))) return Resume::ToReturn;
  parent.phase = Phase::Running;
  parent.call->sighting.event.call.exit_ns = context_.clock.now_ns();
  calls_.settle(parent, std::move(parent.call), child.get());
  return Resume::Run;
}

// It was taken for an orphan and runs already; now its parent has told of it after all.
void Lives::complete_adopted(Task& parent, Task& child, uint64_t flags) {
  if ((flags & CLONE_THREAD) != 0) child.process = parent.process;
  if ((flags & CLONE_VM) != 0) child.space = parent.space;
  context_.state.on_fork(number(parent.tid), number(child.tid), flags, context_.clock.now_ns());
  emit_birth(parent, child.tid);
}

// A call that makes a task returns twice, and the return in the child, with 0, is an event of the child's (as in Falco).
void Lives::emit_birth(const Task& parent, Tid child) {
  if (parent.call == nullptr) return;
  const Event& made = parent.call->sighting.event;
  Sighting sighting;
  Event& event = sighting.event;
  event.reset(made.id);
  event.call = made.call;
  event.call.tid = number(child);
  event.call.exit_ns = context_.clock.now_ns();
  event.call.result = 0;
  event.call.returned = true;
  std::copy_n(made.slots, made.info().slots, event.slots);  // flags: a number, no text
  context_.state.attach(sighting);
  context_.record(sighting);
}

// A thread that was made while its group is being stopped begins its life stopped.
void Lives::on_first_stop(Task& child, WaitStatus status) {
  child.phase = Phase::Running;
  if (child.born_with) put_back(child.tid, *std::exchange(child.born_with, nullptr));
  if (std::exchange(child.untold, false) && has_executed(child.tid)) {
    context_.state.on_found(number(child.tid), context_.clock.now_ns());
    context_.found_program(child.tid);
  }
  context_.hooks.on_start(child);
  (void)ptrace_resume(child.tid, status.is_group_stop() ? Resume::Listen : child.onward());
}

void Lives::on_stray(Tid tid, WaitStatus status) { context_.tasks.add_stray({tid, status}); }

// /proc knows who they are. One whose parent's event is still to come loses its copy of the parent's image data, no more.
void Lives::adopt_strays() {
  for (const auto& [tid, stopped] : context_.tasks.take_strays()) {
    std::string status;
    constexpr size_t kStatusMax = 8192;
    if (!read_file(ProcPath(tid, "status").c_str(), status, kStatusMax)) continue;
    const Tid process = tid_field(status, "Tgid");
    const Tid parent = process == tid ? tid_field(status, "PPid") : process;
    const uint64_t flags = process == tid ? 0 : CLONE_THREAD | CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND;
    Task& child = context_.tasks.add(tid, process, make_ref<AddressSpace>());
    if (const Task* const maker = context_.tasks.find(parent); maker != nullptr) inherit(*maker, child);
    if (context_.state.knows(number(parent))) {
      context_.state.on_fork(number(parent), number(tid), flags, context_.clock.now_ns());
    } else {
      context_.state.on_launch(number(tid), context_.clock.now_ns());
    }
    on_first_stop(child, stopped);
  }
}

void Lives::on_exec(Tid tid) {
  const Result<unsigned long> message = ptrace_event_message(tid);
  if (!message) return;
  Tid former(static_cast<pid_t>(*message));
  Task* task = context_.tasks.find(former);
  if (task == nullptr) task = context_.tasks.find(former = tid);  // a stranger, attached in the middle of its exec
  if (task == nullptr) return (void)ptrace_resume(tid, Resume::Run);
  if (former != tid) {
    if (Task* leader = context_.tasks.find(tid)) {
      calls_.abandon_all(*leader);
      context_.hooks.on_end(*leader);
    }
    task = &context_.tasks.rename(former, tid);
    if (task->call != nullptr) task->call->sighting.event.call.tid = number(tid);
  }
  for (std::unique_ptr<PendingCall>& call : std::exchange(task->interrupted, {})) calls_.abandon(*task, std::move(call));
  context_.tasks.doubt_strays();  // a thread that this exec killed may have been making one
  if (context_.witness != nullptr) {
    // Of a stranger no call was surely seen before it executed something under the filter.
    if (task->stranger && task->trap == Trap::Every) context_.witness->on_end(number(tid));
    else context_.doubt(context_.witness->on_exec(number(tid), number(former)));
  }
  task->process = tid;
  task->space = make_ref<AddressSpace>();
  task->memory.forget();
  if (std::exchange(task->distrusted, false)) task->trap = Trap::Filter;
  task->enlist_refused = false;
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
  (void)ptrace_resume(tid, task->onward());
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

// Killed at the very moment of its exec, a task never stops for it; but until it is let go here, its new image can be read.
void Lives::on_exiting(Task& task) {
  if (calls_.has_execed(task)) {
    if (context_.witness != nullptr) context_.doubt(context_.witness->on_exec(number(task.tid), number(task.tid)));
    context_.state.on_exec(number(task.tid), number(task.tid), context_.clock.now_ns());
  }
  if (task.phase != Phase::Launching) calls_.on_exiting(task);
  context_.hooks.on_exiting(task);
  hear_witness(task);
  (void)ptrace_resume(task.tid, task.onward());
}

// A core dump was written in the name of the thread that died of it.
void Lives::hear_witness(const Task& task) {
  if (context_.witness == nullptr) return;
  const std::optional<IoWitness::Mismatch> mismatch = context_.witness->on_exiting(number(task.tid));
  if (!mismatch) return;
  const Result<unsigned long> status = ptrace_event_message(task.tid);
  if (status && WCOREDUMP(static_cast<int>(*status))) return;
  context_.doubt(mismatch);
}

void Lives::on_ended(Tid tid, WaitStatus status) {
  Task* task = context_.tasks.find(tid);
  if (task == nullptr) {
    context_.tasks.take_stray(tid);
    context_.tasks.end_unknown(tid);  // or an orphan that pid 1 has to reap: nothing of ours
  } else {
    const bool launched = task->phase != Phase::Launching;
    const bool was_leader = task->is_leader();
    calls_.abandon_all(*task);
    if (was_leader && launched) emit_exit(tid, status);
    context_.hooks.on_end(*task);
    if (context_.witness != nullptr) context_.witness->on_end(number(tid));
    context_.tasks.remove(tid);
    context_.state.on_thread_exit(number(tid));
    if (tid == context_.root) context_.sink.on_root_end(status);
  }
  context_.tasks.doubt_strays();
}

// The leader is waited for last, so this is the end of the whole process.
void Lives::emit_exit(Tid tid, WaitStatus status) {
  Sighting sighting;
  describe_exit(sighting.event, number(tid), status.get(), context_.clock.now_ns(), 0);
  context_.state.attach(sighting);
  context_.record(sighting);
}

}  // namespace vedette
