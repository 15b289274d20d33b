// SPDX-License-Identifier: Apache-2.0
// Calls that a watched program aims at the agent's own process, or at the host's where that is in our pid
// namespace: its memory, signals that would end or hold it, its descriptors, limits and scheduling. Each is
// answered EPERM before it runs and told as AGENT_ATTACKED. What it judges by cannot be changed by another
// thread: registers, and what the kernel says a number means.
//
//   by number     kill, ptrace, process_vm_writev ...: the register names one of their threads, and the caller's numbers are ours
//   by pidfd      no program can have one of ours: pidfd_open is refused. What a socket may yet hand out is asked of fdinfo
//   by F_SETSIG   a descriptor's owner is told of by a signal of one's choice, wherever the owner's number stands
//
// Opens of our files below /proc are the kernel's to refuse: we are not dumpable. Those that stop are refused
// here too, which counts for a program with CAP_SYS_PTRACE, and all are told.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"
#include "capture/state/sighting.h"
#include "capture/tracer/proc_truth.h"
#include "capture/tracer/task.h"

namespace vedette {

class Defense {
 public:
  // The host's process, as far as it is known at the moment; 0: not at all.
  using HostPid = pid_t (*)(void* context);
  void guard_host(HostPid host_pid, void* context) { host_pid_ = host_pid, host_ = context; }
  // Has the filter stop those of these calls that the capture set lets pass.
  static void add_rules(std::vector<FilterRule>& rules);

  struct Attack {
    const char* call;
    const char* what;   // it reaches for
    int64_t value = 0;  // the signal, where it is one
  };
  // Of a call that is about to run.
  std::optional<Attack> judge(const Task& task, const SyscallInfo& info);
  // F_SETSIG: of calls that are recorded inline, the one that stops wherever it is made.
  static bool chooses_signal(const SyscallInfo& info);
  // Whether an open that is about to run names a private file of ours below /proc.
  bool aims_at_us(const Sighting& sighting);
  // The name of the file that one which has returned was of, by whatever path; empty: none of ours. As good
  // as the sighting and this.
  std::string_view reached_for(const Sighting& sighting);
  static bool writes(const Sighting& sighting);

 private:
  pid_t host() const { return host_pid_ == nullptr ? 0 : host_pid_(host_); }
  // Whose files below /proc are guarded. Of a process 1 honest programs write to fd/1, the container's log,
  // and in each pid namespace another one has its number.
  pid_t host_of_files() const { return host() == 1 ? 0 : host(); }
  bool shares_numbers(const Task& task);
  uint64_t process_of(const Task& task, int fd);
  bool shows_guarded(Tid task, std::string_view folder, int number, pid_t host);
  std::string_view private_file(const Sighting& sighting, std::string_view path);
  std::string_view elsewhere(const Sighting& sighting);

  HostPid host_pid_ = nullptr;
  void* host_ = nullptr;
  ProcTruth truth_;
  Ref<Text> numberless_;  // the last path that had no number in it: the same file is opened again and again
  std::string text_;
};

}  // namespace vedette
