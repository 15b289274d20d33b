// SPDX-License-Identifier: Apache-2.0
// Code that no record explains. Whoever maps memory to be executed makes a call that stops, and is recorded;
// the kernel's list of what a process may execute is held against those records now and then. Between them
// lie the ways that nobody has thought of, and one that is known: the boot's gate for stubs lets a System V
// segment of the program's own be attached, too (filter.cc).
//
//   each second   processes in turn, those first that were looked at longest ago, for half a millisecond in all. What is found must still be
//                 there at the next look: a call may have returned whose stop we have not handled yet
//   exec, end     of a process with one thread, once some program has made a System V segment: what was attached is gone afterwards
//
// The program's own segments, and its dynamic linker's, the kernel has mapped at the exec; "[vdso]" and its
// like are the kernel's own.
#pragma once

#include "capture/inline/task.h"
#include "capture/kernel/executable_maps.h"
#include "capture/tracer/context.h"

namespace vedette {

class InlineCodeWatch {
 public:
  void bind(Context& context) { context_ = &context; }

  // Threads of a program with such code are doubted (task.h): each is traced from its next call on.
  void look(uint64_t now_ns);
  // Before an exec or the end. True: the program is to be given up.
  bool look_at_last(Task& task);
  // The programs have System V segments of their own.
  void on_segment() { has_segments_ = true; }

 private:
  void look_at(Task& task, uint64_t now_ns);
  bool tell(Task& task, InlineImage& image, const ExecutableMap& map);

  Context* context_ = nullptr;
  uint64_t next_look_ns_ = 0;
  bool has_segments_ = false;
};

}  // namespace vedette
