// SPDX-License-Identifier: Apache-2.0
// Answers calls by the table that the host has sent, in the agent, without asking anybody. A decision is
// worth what it rests on, so each rests on something that no thread of the program can change between our
// look and the kernel's:
//
//   registers     ptrace, mount and their like: a stopped thread's registers are ours alone
//   a sealed copy connect: the address is copied to where nobody can write (sealed.h), judged there, and the kernel reads that
//   the outcome   exec: at the stop in which exec has succeeded and no instruction has run, /proc/PID/exe is the file that
//                 will run, whatever its name meant before. One that may not run is killed there. The look at the name
//                 before the call only makes it EPERM in the usual case.
//
// A row in monitor mode is judged like any other and told of; it answers nothing. Rows that a response has
// laid on a process tree (prevent/ban.h) are judged as those of the table are.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "capture/prevent/table.h"
#include "capture/tracer/program_look.h"
#include "capture/tracer/sealed.h"
#include "capture/tracer/task.h"

namespace vedette {

struct Context;

class Prevention {
 public:
  explicit Prevention(SealedMemory& sealed) : sealed_(sealed) {}

  // From any thread: from the next stop on this table holds.
  void take(PreventTable table);

  // The tracer's, from here on.
  bool is_armed(const Task& task);
  // Whether a call would undo what decisions rest on, and must not; also without a table.
  bool is_attack(Task& task, const SyscallInfo& info) const;

  bool enforces(const Task& task, Deny deny) const;

  struct Answer {
    enum class Kind : uint8_t {
      Proceed,
      Refuse,  // with this error
      Kill,    // refuse, and end the process
      Again,   // the call was put off by one of ours; it will be made again
    };
    Kind kind = Kind::Proceed;
    int error = 0;
  };
  // A call that is about to run; its sighting is named. May fill call.sealed.
  Answer judge(Context& context, Task& task, PendingCall& call);
  // The same of the uses of a socket, whatever call that is: also of calls that are not recorded.
  Answer judge_sockets(Context& context, Task& task, Abi abi, uint64_t nr, const uint64_t* args);
  // Has the kernel read what was judged. False: the task is gone.
  bool apply(Task& task, PendingCall& call);
  // Whether a new image, before its first instruction, must not run.
  bool must_end(Context& context, Task& task);

 private:
  Answer judge_simply(Context& context, const Task& task, const PendingCall& call, Deny deny);
  Answer judge_exec(Context& context, Task& task, const PendingCall& call);
  Answer judge_mapping(Context& context, Task& task, const PendingCall& call);
  Answer judge_connect(Context& context, Task& task, PendingCall& call);
  Answer judge_connect_again(Context& context, const Task& task, const PendingCall& call);
  Answer judge_socket(Context& context, const Task& task, PendingCall& call);
  Answer judge_fast_open(const Task& task, PendingCall& call);

  template <typename Function>
  void each_row(const Task& task, Function function) const;
  template <typename Is>
  bool any_row(const Task& task, Is is) const;
  bool has(const Task& task, Deny deny) const;
  template <typename Matches>
  Answer decide(Context& context, const Task& task, const Sighting& sighting, const std::string& subject, Matches matches);
  bool is_enforced(const Task& task, const Sighting& sighting, Deny deny) const;
  bool is_denied(Context& context, const Task& task, const Sighting& sighting, const ProgramFile& file, Answer& answer);
  void tell(Context& context, uint32_t tid, const PreventRow& row, const char* call, const std::string& subject);

  SealedMemory& sealed_;
  ProgramLook look_;
  StartTime start_;
  PreventTable table_;
  bool rests_ = true;  // no rows
  std::atomic<bool> is_new_{false};
  std::mutex mutex_;
  PreventTable coming_;
};

}  // namespace vedette
