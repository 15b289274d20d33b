// SPDX-License-Identifier: Apache-2.0
// Writes patches over a running program's code. What must stand there is compared first: a file that was
// changed, a mapping we are wrong about, a program that patched itself are left alone.
//
// Threads may be running. As the kernel does with its own code, the first byte becomes a breakpoint before
// the rest is written, and the jump's own first byte comes last: a thread sees the old instruction, a
// breakpoint, or the jump. One that meets the breakpoint stops for us, and goes on at the same place once the
// jump is there. A thread that is between the window's instructions when the breakpoint is set would meet the
// jump's middle: windows of several instructions are written only when every other thread is known to be
// elsewhere.
#pragma once

#include <span>

#include "capture/inline/image.h"
#include "capture/tracer/task.h"
#include "capture/tracer/tasks.h"

namespace vedette {

class InlinePatcher {
 public:
  explicit InlinePatcher(const Tasks& tasks) : tasks_(tasks) {}

  // Patches the sites of `file` for which `chosen` says so; what cannot be patched now stays as it is.
  void apply(Task& task, MappedFile& file, std::span<const size_t> chosen);
  // The same for a new image whose file has stubs that are still to be attached: its boot does it, by the
  // list at this address of the segment's. 0: it cannot, and nothing is changed.
  uint64_t leave_to_boot(MappedFile& file, std::span<const size_t> chosen);
  // Puts attached hooks before the TLS functions of a file that nobody can be in yet: it has just been
  // mapped, or its program has not begun. Only where the file's own bytes stand there, all of them.
  void hook(Task& task, MappedFile& file);
  // Takes all patches of the image back.
  void revert(Task& task, InlineImage& image);

  // The site's window or caller where a thread with this ip met our breakpoint; 0: not ours.
  static uint64_t breakpoint_at(const InlineImage& image, uint64_t ip);
  static bool is_breakpoint(Task& task, uint64_t address);

 private:
  struct Placed {
    uint64_t address;
    const Patch* patch;
    MappedFile::SiteState* state;
  };
  bool poke(Task& task, std::span<Placed> patches);
  void write_quietly(Task& task, std::span<Placed> patches);
  bool write(Task& task, uint64_t address, const Patch& patch);
  bool others_are_outside(const Task& task, const MappedFile& file, const Site& site) const;

  const Tasks& tasks_;
};

// Is this the only thread that can run in its memory?
bool is_alone(const Task& task);

}  // namespace vedette
