// SPDX-License-Identifier: Apache-2.0
// The books that State keeps: threads, processes, and the pools their texts come from. What a call does to
// them stands in effects.cc, a line an event; how a new image or an unknown descriptor is described by the
// kernel in image.h and description.h.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "capture/decode/limits.h"
#include "capture/state/accounts.h"
#include "capture/state/folders.h"
#include "capture/state/image.h"
#include "capture/state/plaintext.h"
#include "capture/state/real_paths.h"
#include "capture/state/sighting.h"
#include "capture/state/state.h"
#include "capture/state/truth.h"

namespace vedette {

struct Thread {
  uint32_t tid = 0;
  Ref<Process> process;
  Ref<DescriptorTable> files;
  Ref<Place> place;

  bool is_leader() const { return tid == process->pid; }
  // Whom to ask for a copy of a descriptor: that goes by process, unless the thread has a table of its own.
  uint32_t files_owner() const { return files == process->files ? process->pid : tid; }
};

struct State::Books {
  Books(Truth& the_truth, const Limits& the_limits)
      : truth(the_truth), limits(the_limits), accounts(the_truth), images(the_truth, the_limits, accounts), real_paths(the_truth) {}

  Truth& truth;
  const Limits& limits;
  Accounts accounts;
  Images images;
  RealPaths real_paths;
  Folders folders;
  TextPool names;
  std::unique_ptr<Plaintext> plaintext;  // nullptr: TLS libraries are not looked into
  std::unordered_map<uint32_t, Thread> threads;
  std::unordered_map<uint32_t, Ref<Process>> processes;
  Thread* last = nullptr;    // the same thread calls again and again
  uint32_t reaper = 0;       // who gets the orphans: the parent of the first process
  std::string scratch;
  IntegrityReason stops_all_for = IntegrityReason::NONE;
  bool moves_unseen = true;  // programs may have set their working directory, and nobody has told
  bool is_sure = true;  // the call at hand has proved its descriptors: else a number may mean another one by now

  Thread* find(uint32_t tid);
  // Holds descriptors 0 to 2 of a new image against the kernel's word: a program that changed them unseen has
  // a shell on a socket. What the agent was started with, too, the kernel compares; else its link is read,
  // which costs several times as much.
  void confirm_standard(Thread& thread);
  // The same of the working directory.
  void confirm_directory(const Thread& thread);
  // A link like cwd or root; what was deleted keeps its name. Empty: it cannot be asked.
  Ref<Text> linked(const Thread& thread, const char* name);
  // The kernel's link tells a directory as we see it; the program names things from its own root.
  Ref<Folder> directory_by_kernel(const Thread& thread);
  // The same, and an unknown one is adopted by what /proc says of it.
  Thread& find_or_adopt(uint32_t tid, uint64_t now_ns);
  Thread& adopt(uint32_t tid, uint64_t now_ns);
  // Working directory, root, limits, standard descriptors of a process, by what /proc says.
  void learn_surroundings(Thread& thread);
  // A process that is not watched but stands above one that is, and those above it: who started the workload
  // is part of a detection's evidence. As it is now; its environment is none of our business.
  Ref<Process> describe_outsider(uint32_t pid, uint64_t now_ns, int generations);
  void forget(uint32_t tid);

  // What `fd` of the thread refers to, by our books or else by the kernel's; empty when it is not open.
  Ref<Descriptor> resolve(Thread& thread, int32_t fd);
  // Puts what the kernel says of `fd` into the table: for numbers that came by a way we did not see.
  Ref<Descriptor> learn(Thread& thread, int32_t fd, uint8_t flags);
  // The directory a relative path starts from; empty when it is not known.
  std::string_view directory(Thread& thread, int32_t dirfd);
  // The same by the kernel's name, from our own root.
  std::string_view real_directory(Thread& thread, int32_t dirfd);
  // The descriptor's own, if it is a directory.
  void begin_folder(Descriptor& descriptor);
  // Joins the path in a slot: the first one into s.path, and into the slot what no reader could join.
  void join(Thread& thread, Sighting& s, unsigned slot, int32_t dirfd);
  bool join_by_kernel(const Thread& thread, int32_t dirfd, std::string_view path, std::string& into);
  // A path that was cut leads somewhere else, above all once `..` is joined to it. The kernel names no
  // directory by so long a one, so nobody knows where it is, nor what lies below it.
  bool is_whole(std::string_view path) const { return path.starts_with('/') && path.size() < limits.path_max; }

  void use_own_files(Thread& thread);
  void use_own_place(Thread& thread);
};

}  // namespace vedette
