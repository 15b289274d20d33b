// SPDX-License-Identifier: Apache-2.0
// How often rings are read while no task stops: so slowly that the ring which fills fastest is half full at
// the next tick, and not at all without rings. Each tick costs somebody a core for some microseconds, so a
// ring that would need many is exchanged for a larger one.
#pragma once

#include "capture/inline/drain.h"
#include "capture/tracer/ticker.h"

namespace vedette {

class InlinePace {
 public:
  explicit InlinePace(const InlineDrain& drain) : drain_(drain) {}
  void bind(Context& context) { context_ = &context; }

  // There is a ring.
  void start();
  // After all rings have been drained.
  void look();
  // A ring was full before the tick came.
  void hurry();

 private:
  const InlineDrain& drain_;
  Context* context_ = nullptr;
  Ticker ticker_;
};

}  // namespace vedette
