// SPDX-License-Identifier: Apache-2.0
// What happens between a call's two stops. At the first the arguments are read, and whoever the call is about
// is named while it still is what the call means; at the second the results are read, the books are brought
// up to date and the event goes out. Each function ends by resuming the task.
//
// calls.cc follows a call from its first stop to its event; calls_answered.cc has those that the kernel does
// not run as they came.
//
// One call of the program is one event. A call that a signal interrupts leaves the kernel with an ERESTART
// code, which no program ever sees: it is set aside until it is known what the program does see
// (interruption.h).
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "capture/tracer/context.h"

namespace vedette {

class Calls {
 public:
  explicit Calls(Context& context) : context_(context) {}

  void on_called(Task& task, const SyscallInfo& info);
  void on_returned(Task& task, const SyscallInfo& info);
  // A debugger has let it go on from before a call; `is_emulated`: into none.
  void on_released(Task& task, Held held, int signal, bool is_emulated);
  // A signal stop: of a task that a debugger has stepped into a call, it is the call's return.
  void on_stepped(Task& task);

  // The task cannot come back from its call: it was killed in it, or jumped out of a handler. What has
  // completed by `result` is an event like any other; what has not is marked in flight.
  void abandon(Task& task, std::unique_ptr<PendingCall> call);
  void abandon_all(Task& task);
  // Whether the call that it is in was an exec that succeeded.
  bool has_execed(const Task& task) const;
  // What the call has returned, that a task is in which is about to end.
  std::optional<int64_t> result_at_exit(const Task& task) const;
  // About to end: the kernel may have finished the call and been kept by a SIGKILL from showing us.
  void on_exiting(Task& task);
  // The program has seen `result` from an interrupted call.
  void settle(Task& task, std::unique_ptr<PendingCall> call, int64_t result);

 private:
  void on_entered(Task& task, const SyscallInfo& info);
  void on_passed(Task& task, const SyscallInfo& info, int error = 0);
  void conclude(Task& task, const SyscallInfo& info);
  void begin(Task& task, const SyscallInfo& info, int error = 0);
  // Its steps, in their order.
  bool is_nobodys(const Task& task, const SyscallInfo& info) const;
  bool is_taken_by_others(Task& task, const SyscallInfo& info, int error);
  std::unique_ptr<PendingCall> read(Task& task, const SyscallInfo& info);
  void pass_over(Task& task, const SyscallInfo& info, int error);
  void hand_over(Task& task, std::unique_ptr<PendingCall> call);
  int refusal_of(const Task& task, const PendingCall& call, bool is_attack);
  bool continues_interrupted(Task& task, const SyscallInfo& info, int error);
  bool is_refused(const Event& event) const;
  void refuse(Task& task, std::unique_ptr<PendingCall> call, int error);
  bool answer_debugger(Task& task, std::unique_ptr<PendingCall>& call);
  void answer(Task& task, std::unique_ptr<PendingCall> call, int64_t result);
  bool defend(Task& task, const SyscallInfo& info);
  bool attacks_agent(Task& task, const SyscallInfo& info);
  bool prevent(Task& task, std::unique_ptr<PendingCall>& call);
  bool prevent_unrecorded(Task& task, const SyscallInfo& info);
  bool seal(Task& task, std::unique_ptr<PendingCall>& call);
  void put_off(Task& task, std::unique_ptr<PendingCall> call);
  void refuse_foreign(Task& task, const SyscallInfo& info);
  void tell_unknown(const Task& task, uint32_t nr);
  void enter(Task& task, std::unique_ptr<PendingCall> call);
  void prepare(Task& task, PendingCall& call);
  void clear_untraced(Task& task, PendingCall& call);
  void tell_untraced(const Task& task, const Event& event);
  void repair(Task& task, PendingCall& call);
  void emit(Task& task, std::unique_ptr<PendingCall> call);
  void follow_up(Task& task, const Event& event);
  void on_personality(Task& task, uint32_t persona);

  Context& context_;
  std::set<uint32_t> unknown_;  // numbers that were told of
};

}  // namespace vedette
