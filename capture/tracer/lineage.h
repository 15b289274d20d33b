// SPDX-License-Identifier: Apache-2.0
// Who made whom, as long as anybody lives who descends from it: what a response to a process tree means by a
// tree. It goes by the call that made a process. A double fork does not leave it, and neither does
// CLONE_PARENT, which gives a child another parent than its maker. A process is named by its number and its
// start, so that a number that is given again is somebody else.
#pragma once

#include <cstdint>

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

  // Whether this is the process, or descends from it.
  bool is_of(Tid ancestor, uint64_t ancestor_start_ns) const;

  // A chain of makers that is longer loses its oldest: whoever forks for ever must not have our memory.
  static constexpr uint64_t kGenerationsMax = 8192;
};

}  // namespace vedette
