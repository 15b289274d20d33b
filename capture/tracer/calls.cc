// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/calls.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "capture/kernel/filter.h"
#include "capture/tracer/call_answer.h"
#include "capture/tracer/clone_arguments.h"
#include "capture/tracer/interruption.h"
#include "capture/tracer/nested.h"
#include "capture/tracer/own_filters.h"
#include "capture/tracer/served_memory.h"
#include "capture/tracer/task_memory.h"

namespace vedette {
namespace {

constexpr uint32_t kAsksPersona = 0xffffffff;

bool is_native_execve(const SyscallInfo& info) { return info.arch == kAuditNative && info.seccomp.nr == SYS_execve; }

void read_call(PendingCall& pending, const SyscallInfo& info, uint32_t tid, uint64_t now) {
  pending.ip = info.instruction_pointer;
  pending.sp = info.stack_pointer;
  Call& call = pending.sighting.event.call;
  call = Call{.tid = tid, .abi = abi_of(info), .nr = static_cast<uint32_t>(info.seccomp.nr), .enter_ns = now};
  pending.nr = info.seccomp.nr;
  for (int i = 0; i < 6; ++i) call.args[i] = pending.args[i] = info.seccomp.args[i];
}

// What the kernel makes of it (mm/mmap.c, do_mmap; mm/mprotect.c, do_mprotect_pkey).
void add_what_reading_implies(Call& call) {
  const bool protects = call.nr == SYS_mmap || call.nr == SYS_mprotect || call.nr == SYS_pkey_mprotect;
  if (call.abi == kNativeAbi && protects && (call.args[2] & PROT_READ) != 0) call.args[2] |= PROT_EXEC;
}

// A filter of the program's own does, in a word of its own; ours has another.
bool asks_for_debugger(const SyscallInfo& info) { return info.seccomp.ret_data != kOwnStop; }

bool executes(EventId id) { return id == EventId::execve || id == EventId::execveat; }

// A filter with a listener hides calls from ours: its answer comes before RET_TRACE. The workload's filter
// holds the one listener that a task can have; a stranger's (outsiders/enlist.h) has none, so it gets here
// the answer that the kernel gives there.
bool wants_listener(const Event& event) {
  const Call& call = event.call;
  return event.id == EventId::seccomp && call.args[0] == SECCOMP_SET_MODE_FILTER && (call.args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
}

// A call that makes a task. Its event is told in the child, too, so what it says is kept; texts it has none.
std::optional<Birth> birth_in(const PendingCall& call) {
  const Event& event = call.sighting.event;
  const bool is_clone = event.id == EventId::clone || event.id == EventId::clone3;
  if (!is_clone && event.id != EventId::fork && event.id != EventId::vfork) return std::nullopt;
  Birth birth{.ip = call.ip, .sp = call.sp, .id = event.id, .call = event.call};
  if (event.id == EventId::clone) birth.flags = event.call.args[0], birth.stack = event.call.args[1];
  if (event.id == EventId::clone3) birth.flags = static_cast<uint64_t>(event.integer(slot::clone3_::flags));
  if (event.id == EventId::vfork) birth.flags = CLONE_VFORK | CLONE_VM;
  if (call.registers_changed) birth.own = {call.before, event.call.abi == Abi::I386};
  std::copy_n(event.slots, event.info().slots, birth.slots);
  return birth;
}

}  // namespace

// A filter of the program's own that asks for a debugger where none listens has the kernel fail the call
// (kernel/seccomp.c); it takes us for one.
void Calls::on_called(Task& task, const SyscallInfo& info) {
  if (!asks_for_debugger(info)) return on_passed(task, info);
  if (!context_.nested->on_filtered(task)) on_passed(task, info, ENOSYS);
}

void Calls::on_passed(Task& task, const SyscallInfo& info, int error) {
  if (!task.bound && !context_.attached) bind(task);
  // It was stopped by ptrace before its filters, and is in the call's books already, or has its answer: no
  // call any more, which our filter takes for a foreign one.
  if (task.call != nullptr || task.answered) {
    if (error != 0 && task.call != nullptr) (void)answer_call(task, abi_of(info), -error);
    return context_.resume(task, task.through_call());
  }
  begin(task, info, error);
}

// Stopped by ptrace before a call, whatever call: a stranger's, as long as it has no filter. If it has one by
// now, that comes next and decides.
void Calls::on_entered(Task& task, const SyscallInfo& info) {
  if (context_.nested->on_call_entered(task)) return;
  if (task.trap() == Trap::Filter) return context_.resume(task);
  begin(task, info);
}

// Its debugger may have made another call of it.
void Calls::on_released(Task& task, Held held, int signal, bool is_emulated) {
  const Result<SyscallInfo> info = ptrace_syscall_info(task.tid);
  if (held == Held::Filtered && info) return on_passed(task, *info);
  if (task.trap() == Trap::Filter || is_emulated || !info) return context_.resume(task, task.onward(), signal);
  begin(task, *info);
}

// `info` is read as a seccomp stop's: number and arguments stand at the same place at a call's entry.
// `error`: what the kernel would answer, which makes the call for us alone; 0: it makes it.
void Calls::begin(Task& task, const SyscallInfo& info, int error) {
  task.answered.reset();
  if (is_nobodys(task, info)) return context_.resume(task);
  if (context_.attached) on_handler_over(*this, task, info);
  if (task.phase != Phase::Launching) task.phase = Phase::Running;  // no signal came between, or it was ignored
  if (defend(task, info)) return context_.resume(task);
  const bool is_attack = attacks_agent(task, info);
  const int answer_with = error == 0 && is_attack ? EPERM : error;
  if (is_taken_by_others(task, info, answer_with)) return;
  if (rows_of(abi_of(info)).empty()) return refuse_foreign(task, info);
  std::unique_ptr<PendingCall> call = read(task, info);
  if (call == nullptr) return pass_over(task, info, answer_with);
  if (error != 0) return answer(task, std::move(call), -error);
  if (const int refusal = refusal_of(task, *call, is_attack)) return refuse(task, std::move(call), refusal);
  if (prevent(task, call) || answer_debugger(task, call) || seal(task, call)) return;
  if (context_.hooks.on_entering(task, *call)) return hand_over(task, std::move(call));
  prepare(task, *call);
  enter(task, std::move(call));
}

// No call at all, by a debugger's doing; or one of ours, before the workload has begun.
bool Calls::is_nobodys(const Task& task, const SyscallInfo& info) const {
  return static_cast<int32_t>(info.seccomp.nr) == kNoCall || (task.phase == Phase::Launching && !is_native_execve(info));
}

// Whether another part has this call in its books, or goes on with one; the task has gone on then.
bool Calls::is_taken_by_others(Task& task, const SyscallInfo& info, int error) {
  if ((error != 0 || Defense::chooses_signal(info)) && context_.hooks.is_in_stub(info.instruction_pointer)) {  // the stub records it
    if (error != 0) (void)answer_call(task, abi_of(info), -error);
    context_.resume(task);
    return true;
  }
  if (context_.hooks.on_called(task, info)) {
    context_.nested->on_own_call(task);
    context_.resume(task);
    return true;
  }
  return (error == 0 && context_.nested->on_wait(task, info)) || continues_interrupted(task, info, error);
}

// What it is and what it is about, while it still is that; nullptr: no call of the capture set.
std::unique_ptr<PendingCall> Calls::read(Task& task, const SyscallInfo& info) {
  std::unique_ptr<PendingCall> call = context_.tasks.borrow_call();
  read_call(*call, info, static_cast<uint32_t>(task.tid.get()), context_.clock.now_ns());
  call->was_filtered = task.has_filter;
  Event& event = call->sighting.event;
  if (task.reading_executes) add_what_reading_implies(event.call);
  const Call as_called = event.call;
  TaskMemory memory(task.memory);
  if (is_native_execve(info)) memory.expect(as_called.args[0], as_called.args[1]);  // the path, the list of arguments
  if (!decode_enter(as_called, memory, context_.limits, event)) {
    context_.tasks.give_back(std::move(call));
    return nullptr;
  }
  if (task.phase != Phase::Launching) context_.state.before_call(call->sighting);
  return call;
}

// It is not recorded.
void Calls::pass_over(Task& task, const SyscallInfo& info, int error) {
  if (task.phase != Phase::Launching) tell_unknown(task, static_cast<uint32_t>(info.seccomp.nr));
  if (error == 0 && prevent_unrecorded(task, info)) error = EPERM;
  if (error != 0) (void)answer_call(task, abi_of(info), -error);
  context_.resume(task, task.own_arguments ? Resume::ToReturn : task.onward());
}

// Its return is recorded elsewhere.
void Calls::hand_over(Task& task, std::unique_ptr<PendingCall> call) {
  context_.tasks.give_back(std::move(call));
  context_.resume(task);
}

// The error that it gets instead of being made; 0: it is made.
int Calls::refusal_of(const Task& task, const PendingCall& call, bool is_attack) {
  const Event& event = call.sighting.event;
  if (is_attack || context_.defense.aims_at_us(call.sighting)) return EPERM;
  if (is_refused(event)) return ENOSYS;
  return task.stranger && !context_.attached && wants_listener(event) ? EBUSY : 0;
}

void Calls::on_returned(Task& task, const SyscallInfo& info) {
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) return on_entered(task, info);
  conclude(task, info);
  if (!context_.nested->on_call_returned(task)) context_.resume(task);
}

void Calls::on_stepped(Task& task) {
  task.answered.reset();
  if (task.call == nullptr || task.debugged == nullptr) return;
  const Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  SyscallInfo info{};
  info.op = PTRACE_SYSCALL_INFO_EXIT;
  info.exit.rval = registers->result();
  conclude(task, info);
}

void Calls::conclude(Task& task, const SyscallInfo& info) {
  if (task.own_arguments) put_back(task.tid, *std::exchange(task.own_arguments, nullptr));
  if (task.answered) answer_again(task);
  if (task.wait != nullptr) context_.nested->on_wait_returned(task, info.exit.rval);
  // It was asked to stop, but any other stop takes that back (the kernel's ptrace_stop). Asked again here, it
  // stops before it has run an instruction.
  if ((task.tightened || task.unbelieved) && task.trap() == Trap::Filter) (void)ptrace_interrupt(task.tid);
  (void)context_.births.close(task);  // it has told of its child before, or has failed
  std::unique_ptr<PendingCall> call = std::move(task.call);
  const bool is_over = !is_restart(info.exit.rval);
  if (call == nullptr) {
    if (is_over && task.trap() == Trap::Every) context_.outsiders->on_call_over(task, info);
    return;
  }

  Call& facts = call->sighting.event.call;
  facts.exit_ns = context_.clock.now_ns();
  facts.result = info.exit.rval;
  if (call->registers_changed) repair(task, *call);
  if (task.phase == Phase::Launching) {  // our own execve has failed; launch.h tells the user
    return context_.tasks.give_back(std::move(call));
  }
  task.phase = Phase::Running;
  if (is_restart(facts.result)) {
    if (context_.witness != nullptr) context_.witness->on_interrupted(call->sighting.event);
    set_aside(*this, task, std::move(call));
  } else {
    facts.returned = true;
    emit(task, std::move(call));
    if (context_.moved_on == task.tid) return;
    context_.hooks.on_returned(task);
    if (task.trap() == Trap::Every) context_.outsiders->on_call_over(task, info);
  }
}

void Calls::emit(Task& task, std::unique_ptr<PendingCall> call) {
  Event& event = call->sighting.event;
  read_again(context_, task, *call);
  TaskMemory memory(task.memory);
  const Call as_returned = event.call;
  decode_exit(as_returned, memory, context_.limits, event);
  context_.state.after_call(call->sighting);
  context_.record(call->sighting);
  follow_up(task, event);
  context_.tasks.give_back(std::move(call));
}

void Calls::settle(Task& task, std::unique_ptr<PendingCall> call, int64_t result) {
  call->sighting.event.call.result = result;
  call->sighting.event.call.returned = true;
  emit(task, std::move(call));
}

bool Calls::continues_interrupted(Task& task, const SyscallInfo& info, int error) {
  std::unique_ptr<PendingCall> call = take_restarted(task, info);
  if (call == nullptr) return false;
  if (error != 0) return answer(task, std::move(call), -error), true;
  // Its memory may say something else by now, and the kernel reads it anew. Where the call's own arguments
  // lie in memory, too (socketcall), what they were is of no account either: the registers say where they
  // are.
  Event& event = call->sighting.event;
  Call as_called = event.call;
  as_called.nr = static_cast<uint32_t>(call->nr);
  std::copy_n(call->args, 6, as_called.args);
  TaskMemory memory(task.memory);
  (void)decode_enter(as_called, memory, context_.limits, event);
  context_.state.before_call(call->sighting);
  if (prevent(task, call) || seal(task, call)) return true;
  prepare(task, *call);
  enter(task, std::move(call));
  return true;
}

void Calls::enter(Task& task, std::unique_ptr<PendingCall> call) {
  if (const std::optional<Birth> birth = birth_in(*call)) context_.births.open(task, *birth);
  if (context_.witness != nullptr && executes(call->sighting.event.id)) {
    context_.doubt(context_.witness->on_executing(static_cast<uint32_t>(task.tid.get())));
  }
  task.call = std::move(call);
  if (task.phase != Phase::Launching) task.phase = Phase::InCall;
  context_.resume(task, task.through_call());
}

void Calls::prepare(Task& task, PendingCall& call) {
  const Call& facts = call.sighting.event.call;
  switch (call.sighting.event.id) {
    case EventId::clone: return clear_untraced(task, call);
    case EventId::clone3: return tell_untraced(task, call.sighting.event);
    case EventId::userfaultfd:
    case EventId::ioctl: return expect_served_memory(context_, task, call.sighting.event);
    case EventId::connect:
    case EventId::socket:
    case EventId::sendto:
    case EventId::sendmsg:
    case EventId::sendmmsg:
      if (context_.prevention != nullptr) (void)context_.prevention->apply(task, call);
      return;
    case EventId::setuid:
    case EventId::setreuid:
    case EventId::setresuid:
      // Another uid's memory is closed to us unless we may trace all; what is open stays open.
      if (!context_.can_trace_all) task.memory.keep_open();
      return;
    case EventId::prctl:
      if (!context_.can_trace_all && facts.args[0] == PR_SET_DUMPABLE) task.memory.keep_open();
      return;
    default: return;
  }
}

// A child made with CLONE_UNTRACED would escape us. (clone3's flags: clone_arguments.h)
void Calls::clear_untraced(Task& task, PendingCall& call) {
  const Call& facts = call.sighting.event.call;
  if ((facts.args[0] & CLONE_UNTRACED) == 0) return;
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  call.before = *registers;
  const uint64_t flags = facts.args[0] & ~static_cast<uint64_t>(CLONE_UNTRACED);
  if (facts.abi == Abi::I386) {
    registers->set_argument_32(0, static_cast<uint32_t>(flags));
  } else {
    registers->set_argument(0, flags);
  }
  call.registers_changed = static_cast<bool>(ptrace_set_registers(task.tid, *registers));
}

// The kernel leaves argument registers as they were, so the program may rely on it; but for one that is the
// result's too.
void Calls::repair(Task& task, PendingCall& call) {
  Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers) return;
  registers->restore_arguments(call.before, call.sighting.event.call.abi == Abi::I386);
  if (call.replaced_nr != 0) registers->set_number(call.nr);  // what a restart would make again
  (void)ptrace_set_registers(task.tid, *registers);
}

// The filter lets mmap and mprotect pass that do not ask for executable memory, and cannot know that this
// thread gets it all the same: each of its calls stops from now on, until it executes another program.
void Calls::on_personality(Task& task, uint32_t persona) {
  if (persona == kAsksPersona) return;
  const bool was = std::exchange(task.reading_executes, (persona & READ_IMPLIES_EXEC) != 0);
  if (was || !task.reading_executes) return;
  context_.hooks.on_reading_executes(task);
  task.distrust();
  context_.notice(task.tid, Notice::TIER_DEGRADED, "personality", "it may execute whatever it maps to be read: each of its calls stops");
}

// Of an attached program, whose arguments stay as they are.
void Calls::tell_untraced(const Task& task, const Event& event) {
  const bool escapes = (static_cast<uint64_t>(event.integer(slot::clone3_::flags)) & CLONE_UNTRACED) != 0;
  if (context_.attached && escapes) context_.notice(task.tid, Notice::UNSEEN, "clone3", "its child asks to be traced by nobody", 1);
}

void Calls::follow_up(Task& task, const Event& event) {
  const Call& call = event.call;
  switch (event.id) {
    case EventId::execve:
    case EventId::execveat:
      if (!event.failed()) context_.hooks.on_image(task);
      return;
    case EventId::mmap:
    case EventId::mprotect:
    case EventId::pkey_mprotect:
      if (!event.failed()) context_.hooks.on_map_executable(task, call);
      return;
    case EventId::shmget:
      if (!event.failed()) context_.hooks.on_segment();
      return;
    case EventId::shmat:
      if (!event.failed() && (call.args[2] & SHM_EXEC) != 0) context_.hooks.on_map_executable(task, call);
      return;
    case EventId::personality:
      if (!event.failed()) on_personality(task, static_cast<uint32_t>(call.args[0]));
      return;
    case EventId::seccomp:
    case EventId::prctl:
      if (!event.failed()) note_own_filter(context_, task, event);
      return;
    case EventId::io_uring_setup:
      if ((event.flags & kRefused) != 0) {
        context_.notice(task.tid, Notice::IO_URING_REFUSED, "io_uring_setup", "", call.result);
      } else if (!event.failed()) {
        context_.notice(task.tid, Notice::IO_URING_ALLOWED, "io_uring_setup", "", call.result);
      }
      return;
    case EventId::ptrace:
      // A 32-bit debugger: it cannot trace what is traced already.
      if (call.abi != kNativeAbi && call.returned && call.result == -EPERM) context_.notice(task.tid, Notice::TRACER_WANTED, "ptrace", "", 0);
      return;
    default: return;
  }
}

bool Calls::has_execed(const Task& task) const {
  if (task.phase == Phase::Launching || task.call == nullptr) return false;
  if (!executes(task.call->sighting.event.id)) return false;
  const Result<Registers> registers = ptrace_registers(task.tid);
  return registers && static_cast<int64_t>(registers->number()) != kNoCall && registers->result() == 0;
}

std::optional<int64_t> Calls::result_at_exit(const Task& task) const {
  if (task.call == nullptr) return std::nullopt;
  const Result<Registers> registers = ptrace_registers(task.tid);
  if (!registers || !registers->has_returned(task.call->ip) || is_restart(registers->result())) return std::nullopt;
  return registers->result();
}

void Calls::on_exiting(Task& task) {
  if (task.call == nullptr) return;
  const std::optional<int64_t> result = result_at_exit(task);
  std::unique_ptr<PendingCall> call = std::move(task.call);
  if (!result) return abandon(task, std::move(call));
  call->sighting.event.call.exit_ns = context_.clock.now_ns();
  settle(task, std::move(call), *result);
}

void Calls::abandon(Task& task, std::unique_ptr<PendingCall> call) {
  if (call == nullptr) return;
  Event& event = call->sighting.event;
  event.flags |= kInFlight;
  event.call.returned = false;
  event.call.result = kAbsent;
  event.call.exit_ns = context_.clock.now_ns();
  emit(task, std::move(call));
}

void Calls::abandon_all(Task& task) {
  if (task.phase == Phase::Launching) return context_.tasks.give_back(std::move(task.call));
  abandon(task, std::move(task.call));
  for (std::unique_ptr<PendingCall>& call : task.interrupted) abandon(task, std::move(call));
  task.interrupted.clear();
}

}  // namespace vedette
