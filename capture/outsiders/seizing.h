// SPDX-License-Identifier: Apache-2.0
// Attaches a process that runs, with all its threads. From then on ptrace stops each of its calls, twice,
// whatever the call, and nothing of ours is in it: it goes on unharmed when the thread that traces it ends.
//
//   whole     until no thread is left that we have not: those seized bring their own new threads with them
//   partly    a thread was executing a program, or ended, just then: it is looked at again (complete)
//   replaced  it has executed a program that we had not attached: the process goes on under its number, and the leader that we had
//             is gone without a word
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "capture/tracer/context.h"

namespace vedette {

class Seizing {
 public:
  explicit Seizing(Context& context) : context_(context) {}

  // EINTR: it is executing a program. EAGAIN: not now, another one was.
  Result<void> attach(Tid process);
  // Of one that is attached, those threads that it has beside.
  void attach_threads_of(Tid process);
  // None is attached in part.
  bool is_whole() const { return partials_.empty(); }
  // How soon to look at those again, at most; `most_ns`: where there are none.
  uint64_t pause_ns(uint64_t most_ns) const;
  // Those that were attached in part, once more. `on_replaced`: of one that is no task of ours any more;
  // whether there is a process of that number.
  void complete(uint64_t now, const std::function<void(Tid, bool)>& on_replaced);
  // How many, since this was last asked, are attached in part for good: there were too many.
  uint64_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  struct Partial {
    Tid process;
    uint64_t next_ns;   // to be looked at again,
    uint64_t pause_ns;  // and how long after that
  };

  Result<void> seize(Tid thread);
  Result<void> attach_threads(Tid process);
  bool complete(Tid process, const std::function<void(Tid, bool)>& on_replaced);

  Context& context_;
  std::vector<Partial> partials_;
  uint64_t seizes_from_ns_ = 0;  // until then nobody is attached
  uint64_t left_out_ = 0;
};

}  // namespace vedette
