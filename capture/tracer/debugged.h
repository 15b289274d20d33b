// SPDX-License-Identifier: Apache-2.0
// What is known of a task that another of our tasks traces (nested.h): the debugger is that other one, the
// debugged is this one. And what a debugger waits for.
#pragma once

#include <array>
#include <cstdint>

#include "capture/kernel/ptrace.h"
#include "capture/kernel/tid.h"

namespace vedette {

// The kernel's stop that a debugged task is kept in for its debugger to look at.
enum class Held : uint8_t {
  No,      // it runs, as far as its debugger knows
  Signal,  // before a signal is delivered
  Entry,   // before a call
  Return,  // after one
  Event,   // fork, exec, exit ...; or a trap that is no signal
  Group,   // with its group
  Filtered,   // before a call, by a seccomp filter of its own
  End,     // it has as good as ended: its parent hears of it when its debugger has
};

struct Debugged {
  Tid debugger;              // the thread that traces it; of one that asked for it by TRACEME, its parent's first
  Tid process;               // the debugger's
  bool is_child = false;     // the debugger's process is its parent: the kernel itself tells that of its end
  bool seized = false;       // by PTRACE_SEIZE: other stops than by ATTACH or TRACEME
  bool is_born_to_it = false;   // its parent's debugger has it since its birth, and its first stop is still to come
  bool wants_interrupt = false; // PTRACE_INTERRUPT is under way
  bool is_in_boot = false;      // it was asked to stop in code of ours: asked again at its next stop
  bool repeats = false;         // the next call's entry has been shown to its debugger already
  uint64_t options = 0;
  Resume how = Resume::Run;  // how its debugger has let it go on
  Held held = Held::No;
  int status = 0;            // what wait tells of this stop
  bool is_emulated = false;  // its debugger answers the call that it stands before, or was let into
  pid_t group = 0;           // its process group, when it was looked at last

  bool steps() const { return how == Resume::Step || how == Resume::StepBlock || how == Resume::EmulateStep; }
  bool stops_at_calls() const { return how == Resume::ToReturn || how == Resume::Emulate || how == Resume::EmulateStep; }
};

// wait4 or waitid, between its entry and its return.
struct DebuggerWait {
  uint64_t nr = 0;
  std::array<uint64_t, 6> args = {};
  bool sleeps = false;  // in a call of ours: the kernel knows of nobody to wait for
  bool again = false;   // a child has ended meanwhile: the kernel may know now
};

}  // namespace vedette
