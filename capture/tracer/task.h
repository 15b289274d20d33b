// SPDX-License-Identifier: Apache-2.0
// A traced thread: which call it is in, and what is known to come next. A task is stopped from the moment
// waitpid names it until the loop resumes it, and only then may it be asked anything.
//
//   Running --Called--> InCall --Returned--> Running            two stops a call
//   InCall --Returned, an ERESTART code--> Interrupted --Called--> InCall                    restarted at once
//                     Interrupted --Signalled--> Stepping --trap at the handler--> Running   see interruption.h
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "capture/kernel/ptrace.h"
#include "capture/kernel/remote_memory.h"
#include "capture/kernel/tid.h"
#include "capture/prevent/ban.h"
#include "capture/state/sighting.h"
#include "capture/tracer/address_space.h"
#include "capture/tracer/births.h"
#include "capture/tracer/debugged.h"
#include "capture/tracer/lineage.h"
#include "capture/tracer/own_filters.h"
#include "capture/tracer/sealed.h"

namespace vedette {

// What stops the calls of a task: our filter those of the capture set, or ptrace every one.
enum class Trap : uint8_t { Filter, Every };

// Why every call of a task's present image is stopped, whatever our filter does.
//
//   None --cannot_enlist--> CannotEnlist --begin_image, enlisted--> None
//   None --stop_at_each_call--> Debugs                              for as long as its process traces others
//   None --stop_at_each_call--> Tightened                           for good, its children and programs too (responses.h)
//   None --stop_at_each_call--> Unbelieved --begin_image--> None    its copies too (inline/tier.cc)
//   any --distrust--> Distrusted --begin_image--> None, or Debugs
enum class CloseWatch : uint8_t {
  None,
  CannotEnlist,  // a stranger's, that cannot take our filter (outsiders/enlist.h)
  Debugs,        // its process traces others of ours (nested.h)
  Tightened,     // a response asked for it (responses.h)
  Unbelieved,    // it runs code of a file that is not of the image, or was caught (inline/tier.cc)
  Distrusted,    // its code may lie where our gates are, or may become code unseen
};

// A call between its entry and its return. Number, arguments (as the registers had them), ip and sp tell a
// restarted call from a new one.
struct PendingCall {
  Sighting sighting;
  uint64_t nr = 0;
  uint64_t args[6] = {};
  uint64_t ip = 0;
  uint64_t sp = 0;
  bool was_filtered = true;        // its task had our filter when it began
  bool registers_changed = false;  // arguments are not the program's; `before` goes back at the return
  Registers before{};
  uint32_t replaced_nr = 0;        // the number it is made under, where that is another
  SealedSlot sealed;               // a copy of what it names in memory, and is what the kernel reads
};

enum class Phase : uint8_t {
  Launching,    // still our own code between fork and exec: its calls are ours, not the workload's
  Starting,     // named by its parent's event, its own first stop has not come
  Running,
  InCall,       // let into a call whose return will stop it
  Interrupted,  // out of a call that a signal interrupted, before that signal
  Stepping,     // let into a signal's handler, to see what the interrupted call returns
};

// What another tier keeps of a task; goes with it.
struct TaskData {
  virtual ~TaskData() = default;
};

// How a frozen task was to go on.
struct Stay {
  Resume how;
  int signal;
};

// Where a thread waits in a call.
struct WaitPlace {
  uint64_t number = 0;
  uint64_t ip = 0;
  uint64_t sp = 0;
  bool operator==(const WaitPlace&) const = default;
};

struct Task {
  Task(Tid self, Tid leader, Ref<AddressSpace> image)
      : tid(self), process(leader), memory(self), space(std::move(image)) {
    if (space->served) memory.never_wait();
  }

  Tid tid;
  Tid process;   // the leader's tid
  Phase phase = Phase::Starting;
  bool stranger = false;         // it does not descend from what we started (outsiders/strangers.h)
  bool bound = true;             // it ends when we do, as whatever has our filter must
  bool has_filter = true;        // ours; a stranger gets it (outsiders/enlist.h), and nobody can lose it
  std::optional<int64_t> answered;  // with this result, and the call's return is still to come (calls.cc, answer_call)
  bool reading_executes = false; // personality(READ_IMPLIES_EXEC): what is mapped to be read may be executed
  bool halted = false;           // it stands still with its group, until SIGCONT
  bool is_due = false;           // asked to stop while it stood in code of ours: to be asked again
  bool debugs = false;           // its process traces others of ours: each of its calls stops (nested.h)
  bool tightened = false;        // each of its calls stops, and of whatever it makes and executes (responses.h)
  bool unbelieved = false;       // its program runs code that is not of the image, or was caught: each of its calls stops (inline/tier.cc)
  bool owes_stop = false;        // it was asked to stop, and may be in a call that began before (responses.h)
  uint64_t doomed_by = 0;        // the response that kills it and whatever it makes (responses.h); 0: none
  uint64_t frozen_until_ns = 0;  // monotonic; 0: it is not frozen
  std::optional<Stay> stay;      // it is frozen, and stopped
  Bans bans;                     // what responses deny it, and whatever it makes and executes
  bool untold = false;           // attached while it ran: which program that is must still be told
  RemoteMemory memory;
  Ref<AddressSpace> space;
  Ref<OwnFilter> filters;        // the last that it has installed, or inherited
  std::unique_ptr<PendingCall> call;                       // set exactly in InCall, and in Launching's execve
  std::vector<std::unique_ptr<PendingCall>> interrupted;   // innermost last
  WaitPlace made_again;  // the wait with a timeout that was made again last (make_again)
  std::unique_ptr<ArgumentRegisters> own_arguments;        // go back at the return of the call that it is in
  std::unique_ptr<ArgumentRegisters> born_with;            // its registers are a copy of its parent's in a call that we have changed
  std::unique_ptr<Birth> birth;                            // it may be making a task, and has not told of it (births.h)
  mutable Ref<Lineage> lineage;         // its process's; empty: nobody has asked yet
  std::unique_ptr<TaskData> data;
  std::unique_ptr<Debugged> debugged;   // by another of our tasks
  std::unique_ptr<DebuggerWait> wait;   // what a debugger waits for at the moment

  Trap trap() const { return has_filter && close_watch_ == CloseWatch::None ? Trap::Filter : Trap::Every; }
  CloseWatch close_watch() const { return close_watch_; }
  bool is_distrusted() const { return close_watch_ == CloseWatch::Distrusted; }
  bool may_enlist() const { return !has_filter && close_watch_ == CloseWatch::None; }
  void distrust() { close_watch_ = CloseWatch::Distrusted; }
  void stop_at_each_call() {
    if (!is_distrusted()) close_watch_ = asked_watch();
  }
  void cannot_enlist() {
    if (close_watch_ == CloseWatch::None) close_watch_ = CloseWatch::CannotEnlist;
  }
  void enlisted() {
    has_filter = true;
    if (close_watch_ == CloseWatch::CannotEnlist) close_watch_ = CloseWatch::None;
  }
  // It executes a program.
  void begin_image() {
    unbelieved = false;
    close_watch_ = asked_watch();
  }
  // Whether its code is to be the program's own, and each of its calls is to stop.
  bool is_close() const { return debugs || tightened || unbelieved; }
  // Of the same image as `other`, or of a copy of it.
  void watch_as(const Task& other) {
    has_filter = other.has_filter;
    close_watch_ = other.close_watch_;
  }
  // What responses have to do with `other` holds for it, too (responses.h).
  void bear_marks_of(const Task& other) {
    frozen_until_ns = other.frozen_until_ns;
    doomed_by = other.doomed_by;
    tightened = other.tightened;
    bans = other.bans;
  }
  bool is_leader() const { return tid == process; }
  // How it goes on when nothing else is wanted of it.
  Resume onward() const {
    if (debugged != nullptr && debugged->how != Resume::Run) return debugged->how;
    return trap() == Trap::Every ? Resume::ToReturn : Resume::Run;
  }
  // The same in the middle of a call, whose return we must see.
  Resume through_call() const { return debugged != nullptr && debugged->steps() ? debugged->how : Resume::ToReturn; }
  bool is_in_call() const { return phase == Phase::InCall || call != nullptr; }

 private:
  CloseWatch asked_watch() const {
    return debugs ? CloseWatch::Debugs : tightened ? CloseWatch::Tightened : unbelieved ? CloseWatch::Unbelieved : CloseWatch::None;
  }

  CloseWatch close_watch_ = CloseWatch::None;
};

}  // namespace vedette
