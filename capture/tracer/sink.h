// SPDX-License-Identifier: Apache-2.0
// Where the tracer's findings go. The agent implements it (recorder.h); tests keep a list. Called in the
// tracer's thread, which must not be kept waiting: every traced task stands still meanwhile.
#pragma once

#include "capture/kernel/wait_status.h"
#include "capture/state/sighting.h"

namespace vedette {

class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on_event(const Sighting& sighting) = 0;
  // Around many events in a row, which nobody needs to see before the last.
  virtual void on_burst() {}
  virtual void on_burst_end() {}
  // Comes at least every 10 ms from the first burst on, until on_rest.
  virtual void on_tick() {}
  virtual void on_rest() {}
  // The workload's first process has ended; descendants may live on.
  virtual void on_root_end(WaitStatus status) = 0;
  // From any thread: the end has come, and nobody may wait for a slow host from now on.
  virtual void hurry() {}
};

}  // namespace vedette
