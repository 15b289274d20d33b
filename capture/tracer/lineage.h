// SPDX-License-Identifier: Apache-2.0
// Who made whom, as long as anybody lives who descends from it: what a response to a process tree means by a
// tree. It goes by the call that made a process. A double fork does not leave it, and neither does
// CLONE_PARENT, which gives a child another parent than its maker. A process is named by its number and its
// start, so that a number that is given again is somebody else.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "capture/kernel/tid.h"
#include "capture/state/ref.h"

namespace vedette {

struct Lineage : Counted {
  Lineage(Tid process, uint64_t start_ns, Ref<Lineage> maker);
  ~Lineage();
  Lineage(const Lineage&) = delete;
  Lineage& operator=(const Lineage&) = delete;

  Tid process;
  uint64_t start_ns;
  uint64_t generation;  // how many makers are above it
  Ref<Lineage> maker;   // empty: nobody that we know

  // A chain of makers that is longer loses its oldest: whoever forks for ever must not have our memory.
  static constexpr uint64_t kGenerationsMax = 8192;
};

// Who is a process, or descends from it. Asked about many, it looks at each maker once, so a tree of many
// processes costs no more than their number, however long its chains are. The makers must live meanwhile.
class Descent {
 public:
  Descent(Tid ancestor, uint64_t start_ns) : ancestor_(ancestor), start_ns_(start_ns) {}
  bool has(const Lineage& one);
  // How many makers were looked at.
  uint64_t looks() const { return looks_; }

 private:
  Tid ancestor_;
  uint64_t start_ns_;
  std::unordered_map<const Lineage*, bool> known_;
  std::vector<const Lineage*> passed_;
  uint64_t looks_ = 0;
};

}  // namespace vedette
