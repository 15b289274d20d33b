// SPDX-License-Identifier: Apache-2.0
// What is known about the watched processes, and the two moments at which a call meets it. The order of
// calls, by task:
//
//   on_launch | on_fork            the task exists
//   before_call  ...  after_call   around each call of the capture set, with the same Sighting
//   on_exec                        between before_call and after_call of an execve that succeeded
//   on_thread_exit                 the task is gone
//
// State asks the kernel (Truth) only for what calls cannot tell: a new image's facts, a descriptor it never
// saw made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "capture/decode/limits.h"
#include "capture/state/sighting.h"
#include "capture/state/truth.h"

namespace vedette {

class DescriptorTable;
class NameWatch;
class StandingTable;

class State {
 public:
  State(Truth& truth, const Limits& limits);
  ~State();

  // The workload's first task; also any task found later without a known parent.
  void on_launch(uint32_t tid, uint64_t now_ns);
  // A process that came in from outside, or a child of one; asked again, it is described anew, as more of it
  // may be open to us by then. True: it is the first of its session, and was not known.
  bool on_found(uint32_t tid, uint64_t now_ns);
  // It is found to be another container's, and what it makes is so, too.
  void on_neighbour(uint32_t tid, uint64_t now_ns);
  // From PTRACE_EVENT_FORK, VFORK or CLONE. `clone_flags` as given to clone(2) (fork: 0, vfork:
  // CLONE_VFORK|CLONE_VM). The child's own first stop may come earlier: then call this first with what is
  // known, it is harmless twice.
  void on_fork(uint32_t parent_tid, uint32_t child_tid, uint64_t clone_flags, uint64_t now_ns);
  // After a successful exec. The thread that called it (`former_tid`) has taken the leader's id (`tid`); its
  // siblings are gone.
  void on_exec(uint32_t tid, uint32_t former_tid, uint64_t now_ns);
  void on_thread_exit(uint32_t tid);

  // What it has told of its working directory is not to be believed: the kernel says where it is.
  void confirm_directory(uint32_t tid);
  // Whether a program could set it unseen: then each exec asks the kernel for it. It could, as long as nobody
  // says that it cannot.
  void let_move_unseen(bool may);

  // From now on each call of the process stops, and those of its children, until it executes a program.
  void stops_for(uint32_t tid, IntegrityReason reason);
  // The same of all, for good: this agent has nothing else. Before any is known.
  void stop_all();
  // What TLS libraries tell is told, and of which connection (plaintext.h). `ns_of`: the time of a TSC value.
  void tell_plaintext(std::function<uint64_t(uint64_t)> ns_of);
  // A library in one of these folders counts as the image's (image.h).
  void believe(std::vector<std::string> folders);

  // At entry, after decode_enter: names the process and the descriptor while they still are what the call
  // means. `is_over`: the call was made before, and is heard of now; the sighting has been emptied.
  void before_call(Sighting& sighting, bool is_over = false);
  // At return, after decode_exit: brings the books up to date and completes the sighting. Good without
  // before_call too, for the exec of the launch, which begins before there is a workload.
  void after_call(Sighting& sighting);
  // For an event that is no call (procexit): names the process.
  void attach(Sighting& sighting);

  // Paths that are opened often may stand from now on (standing_paths.h).
  void begin_standing(NameWatch& watch, StandingTable& table);
  // From now on calls change names and are heard of later; or they do not any more.
  void let_names_move(bool may);
  // Whether all programs mean the same by a path.
  bool names_may_move() const;
  // A call that was to change names was perhaps never made.
  void settle_names();

  bool knows(uint32_t tid) const;
  // What the process executes, by device, inode and times; inode 0: not known.
  FileFacts executable(uint32_t tid) const;
  // Whether that is a file of the image (vedette.exe_of_image).
  bool executes_image_file(uint32_t tid) const;
  // Whether what its descriptor `fd` stands for is one, by the kernel's word. False: it is not, or cannot be
  // asked.
  bool has_image_file(uint32_t tid, int32_t fd) const;
  // Whether what stands at an absolute path, as the thread sees it, is the image's file of that path.
  bool sees_image_file(uint32_t tid, const std::string& path) const;
  // What its descriptor `fd` is, by our books alone: device and inode; 0: not known.
  FileFacts file_behind(uint32_t tid, int32_t fd) const;
  // Whether other threads, or other processes, have its working directory, too: who moves there moves them.
  bool shares_place(uint32_t tid) const;
  // The table in which its descriptors stand; to be compared alone. nullptr: the thread is not known.
  const DescriptorTable* descriptors_of(uint32_t tid) const;
  // Whether other threads, or other processes, may have the same table. Also of a thread that is not known.
  bool shares_descriptors(uint32_t tid) const;
  // Whether the thread calls processes by the same numbers as we: it lives in our pid namespace.
  bool shares_pids(uint32_t tid) const;
  size_t processes() const;

  struct Books;  // books.h

 private:
  std::unique_ptr<Books> books_;
};

}  // namespace vedette
