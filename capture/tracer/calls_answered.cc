// SPDX-License-Identifier: Apache-2.0
// Calls that do not run as they came: refused, answered by the agent in the kernel's place, or put off until
// another call has run.
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "capture/decode/syscalls.h"
#include "capture/tracer/call_answer.h"
#include "capture/tracer/calls.h"
#include "capture/tracer/clone_arguments.h"
#include "capture/tracer/nested.h"
#include "capture/tracer/sealing.h"

namespace vedette {
namespace {

// TCP fast open: a send that connects.
bool opens_fast(const SyscallInfo& info) {
  if (info.arch != kAuditNative) return false;
  if (info.seccomp.nr == SYS_sendto) return (info.seccomp.args[3] & MSG_FASTOPEN) != 0;
  return info.seccomp.nr == SYS_sendmsg && (info.seccomp.args[2] & MSG_FASTOPEN) != 0;
}

}  // namespace

bool Calls::is_refused(const Event& event) const {
  return event.row->is(kIoUring) && context_.io_uring == IoUring::Refuse;
}

void Calls::refuse(Task& task, std::unique_ptr<PendingCall> call, int error) {
  call->sighting.event.flags |= kRefused;
  answer(task, std::move(call), -error);
}

// A ptrace that is ours to answer. A 32-bit program's is not: the kernel says that its tracee has a tracer.
bool Calls::answer_debugger(Task& task, std::unique_ptr<PendingCall>& call) {
  const Event& event = call->sighting.event;
  if (event.id != EventId::ptrace || event.call.abi != kNativeAbi) return false;
  const std::optional<int64_t> result = context_.nested->answer(task, *call);
  if (result) answer(task, std::move(call), *result);
  return result.has_value();
}

// The call does not run, and returns this.
void Calls::answer(Task& task, std::unique_ptr<PendingCall> call, int64_t result) {
  if (!answer_call(task, call->sighting.event.call.abi, result)) return context_.tasks.give_back(std::move(call));
  Event& event = call->sighting.event;
  event.call.result = result;
  event.call.returned = true;
  event.call.exit_ns = context_.clock.now_ns();
  emit(task, std::move(call));
  context_.hooks.on_returned(task);
  context_.resume(task);
}

// Conventions without a table would let a program make calls under numbers that nobody looks at. x32 shares
// x86-64's code: no distribution uses it and most kernels lack it. Arm is that of 32-bit programs on arm64,
// which most of its servers cannot run.
void Calls::refuse_foreign(Task& task, const SyscallInfo& info) {
  if (only_ends(abi_of(info), static_cast<uint32_t>(info.seccomp.nr))) return context_.resume(task);
  if (context_.attached) {
    tell_unknown(task, static_cast<uint32_t>(info.seccomp.nr));
    return context_.resume(task);
  }
  if (!answer_call(task, abi_of(info), -ENOSYS)) return;
  context_.notice(task.tid, Notice::ABI_REFUSED, "", abi_of(info) == Abi::X32 ? "x32" : "arm", static_cast<int64_t>(info.seccomp.nr & ~kForeignNumberBit));
  context_.resume(task);
}

// A call of a kernel younger than our lists makes no event; that one was made is told once, a number.
void Calls::tell_unknown(const Task& task, uint32_t nr) {
  constexpr size_t kToldMax = 64;  // a program may try them all
  if (nr < kCallsEnd || nr >= kNoNumber || unknown_.size() >= kToldMax || !unknown_.insert(nr).second) return;
  context_.notice(task.tid, Notice::UNKNOWN_CALL, "", "a call that no list of ours has", nr);
}

// What would take prevention's ground away is answered whatever the table says. True: the call has its
// answer.
bool Calls::defend(Task& task, const SyscallInfo& info) {
  Prevention* const prevention = context_.prevention;
  if (prevention == nullptr || task.phase == Phase::Launching) return false;
  if (prevention->is_attack(task, info)) {
    (void)answer_call(task, abi_of(info), -EPERM);
    context_.notice(task.tid, Notice::TAMPER, "", "a call on the sealed memory was refused", static_cast<int64_t>(info.seccomp.nr));
    return true;
  }
  // One that may be recorded inline is stopped at its gate, where the stub stands.
  if (!opens_fast(info) || !context_.hooks.is_in_stub(info.instruction_pointer)) return false;
  if (prevention->is_armed(task) && prevention->enforces(task, Deny::Connect)) (void)answer_call(task, abi_of(info), -EOPNOTSUPP);
  return true;  // the stub records it, with whatever result it finds
}

// Whether it is about the agent's own process, in a way that is refused.
bool Calls::attacks_agent(Task& task, const SyscallInfo& info) {
  if (task.phase == Phase::Launching) return false;
  const std::optional<Defense::Attack> attack = context_.defense.judge(task, info);
  if (attack) context_.notice(task.tid, Notice::AGENT_ATTACKED, attack->call, attack->what, attack->value);
  return attack.has_value();
}

// Asks the table. True: the call has its answer, or will come again.
bool Calls::prevent(Task& task, std::unique_ptr<PendingCall>& call) {
  Prevention* const prevention = context_.prevention;
  if (prevention == nullptr || task.phase == Phase::Launching || !prevention->is_armed(task)) return false;
  const Prevention::Answer answer = prevention->judge(context_, task, *call);
  using Kind = Prevention::Answer::Kind;
  switch (answer.kind) {
    case Kind::Proceed: return false;
    case Kind::Again:
      put_off(task, std::move(call));
      return true;
    case Kind::Kill: (void)::kill(task.process.get(), SIGKILL); [[fallthrough]];
    case Kind::Refuse: refuse(task, std::move(call), answer.error);
  }
  return true;
}

// Asks about a call that makes no event. True: it must not be made.
bool Calls::prevent_unrecorded(Task& task, const SyscallInfo& info) {
  Prevention* const prevention = context_.prevention;
  if (prevention == nullptr || task.bans.empty() || task.phase == Phase::Launching) return false;
  uint64_t args[6];
  std::copy_n(info.seccomp.args, 6, args);
  return prevention->judge_sockets(context_, task, abi_of(info), info.seccomp.nr, args).kind != Prevention::Answer::Kind::Proceed;
}

// What the kernel reads of the program's memory must be what we have seen. Also before a process shuts us
// out: afterwards no memory can be attached. True: the call has its answer, or will come again.
bool Calls::seal(Task& task, std::unique_ptr<PendingCall>& call) {
  if (task.phase == Phase::Launching || context_.attached) return false;
  const Event& event = call->sighting.event;
  if (event.id != EventId::clone3) {
    if (task.space->sealed || !shuts_out(event) || !attach_sealed(context_, task, *call)) return false;
    put_off(task, std::move(call));
    return true;
  }
  switch (seal_clone_arguments(context_, task, *call)) {
    case Sealing::Done: return false;
    case Sealing::Again: put_off(task, std::move(call)); return true;
    case Sealing::Impossible: break;
  }
  if (!std::exchange(task.space->sealing_told, true)) {
    context_.notice(task.tid, Notice::TIER_DEGRADED, "clone3", "clone3 is answered ENOSYS: its arguments cannot be kept from other threads here");
  }
  refuse(task, std::move(call), ENOSYS);
  return true;
}

// Another call was made in its place.
void Calls::put_off(Task& task, std::unique_ptr<PendingCall> call) {
  context_.nested->on_put_off(task);
  context_.tasks.give_back(std::move(call));
  context_.resume(task);
}

}  // namespace vedette
