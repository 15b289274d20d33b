// SPDX-License-Identifier: Apache-2.0
// The gates of chdir and fchdir. Who jumps to one sets its working directory unseen. So where there are such
// gates, the kernel is asked for the directory at each exec, which costs as much as five other questions
// (docs/performance.md). But most programs set it once or not at all. So both gates are shut until a thread
// does so often: instead of their `syscall` stands an instruction that no processor executes, and these calls
// stop. Then both are open for good, for all programs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/inline/integrity.h"
#include "capture/inline/task.h"
#include "capture/state/state.h"

namespace vedette {

class InlineFolderGates {
 public:
  // `page`: the agent's segment, which must stay.
  explicit InlineFolderGates(std::byte* page) : page_(page) {}
  // Before a program has the page.
  void bind(State& state, Integrity integrity);

  // A call that sets the working directory has stopped.
  void on_stopped(InlineTask& mine);
  bool are_open() const { return are_open_; }

 private:
  static constexpr uint64_t kMomentNs = 1'000'000'000;
  static constexpr unsigned kSome = 4;  // such calls

  void open();

  std::byte* page_;
  State* state_ = nullptr;
  bool are_open_ = true;
};

}  // namespace vedette
