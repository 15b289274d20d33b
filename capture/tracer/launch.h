// SPDX-License-Identifier: Apache-2.0
// Starts the workload's first process under the filter, traced from before its first instruction. The child
// shares our descriptor table until it execs: the filter's listener, which it gets, is thereby ours too, and
// no message has to carry it through a filter that already traps. exec gives it a table of its own, without
// our close-on-exec ones.
//
//   us     find the program - clone ------- seize ------------------------ wait for stops
//   child                          \ wait - SYS_PTRACE withheld - filter - mask - execve (the first traced call)
//
// Everything else that a program inherits is what we were given: environment, working directory, limits,
// process group, session, terminal, signal dispositions and mask.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "capture/kernel/fd.h"
#include "capture/kernel/result.h"
#include "capture/kernel/tid.h"

namespace vedette {

struct Launched {
  Tid tid;
  Fd listener;  // kept open as long as the workload lives: no filter of its own can have another
  bool no_new_privs = false;
};

enum class LaunchStep : uint8_t { Find, Execute, Clone, Seize, Capability, Filter };

struct LaunchFailure {
  LaunchStep step;
  Errno why{0};
};

// As execvp does: a name without a slash is looked for in PATH. The failure is what a shell would say:
// ENOENT, or EACCES when something of that name was found but may not be executed.
Result<std::string> find_program(const char* name);

// From when a process is traced: our memory and descriptors are shut, and we may open as many files as it
// takes. The workload has neither.
void secure_ourselves();

class Launch {
 public:
  Launch(std::vector<char*> argv, std::string program, uint64_t signal_mask);
  ~Launch();

  // The workload starts without CAP_SYS_PTRACE and nothing that it executes gets it: with it, it could reach
  // into our memory.
  void withhold_sys_ptrace() { withholds_sys_ptrace_ = true; }
  // True: the child is traced, runs and will exec.
  bool start(std::span<const sock_filter> filter, bool wait_killable, Launched& launched);
  // Why it did not start, or why its exec has failed (asked after it has ended).
  LaunchFailure failure() const;
  bool failed() const;

 private:
  struct Shared;  // a page that parent and child both see
  [[noreturn]] void run_child(std::span<const sock_filter> filter, bool wait_killable);

  std::vector<char*> argv_;  // ends with nullptr
  std::string program_;
  uint64_t signal_mask_;
  bool withholds_sys_ptrace_ = false;
  Shared* shared_;
};

}  // namespace vedette
