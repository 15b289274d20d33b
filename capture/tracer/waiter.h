// SPDX-License-Identifier: Apache-2.0
// Hands out what waitpid has to say, fairly. The kernel looks through the tracees in the same order every
// time, so with many busy ones the first would be served again and again; therefore all that is there is
// taken before the next is handed out. That costs one more look through all tracees, so while only one of
// them is busy it is done now and then only.
#pragma once

#include <deque>
#include <optional>

#include "capture/tracer/hooks.h"
#include "capture/tracer/outsiders.h"
#include "capture/tracer/pulse.h"
#include "capture/tracer/report.h"
#include "capture/tracer/responses.h"
#include "capture/tracer/signals.h"

namespace vedette {

class Waiter {
 public:
  Waiter(Hooks& hooks, Outsiders& outsiders, Pulse& pulse, Responses* responses, const Signals& signals)
      : hooks_(hooks), outsiders_(outsiders), pulse_(pulse), responses_(responses), signals_(signals) {}
  // Blocks. Empty: there is no child left, or a signal has come that ends us.
  std::optional<Report> next(bool several);
  // Does not block. Empty: nothing is to be heard now.
  std::optional<Report> poll();
  // No report waits to be handled.
  bool is_idle() const { return queue_.empty(); }

 private:
  std::optional<Report> wait_one(bool block);
  Result<Waited> wait_any(bool block);
  void tick();
  void take_the_rest();
  Report take_queued();

  Hooks& hooks_;
  Outsiders& outsiders_;
  Pulse& pulse_;
  Responses* responses_;
  const Signals& signals_;
  std::deque<Report> queue_;
  bool crowded_ = false;  // the last look found more than one
  unsigned unchecked_ = 0;
};

}  // namespace vedette
