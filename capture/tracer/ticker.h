// SPDX-License-Identifier: Apache-2.0
// Interrupts the tracer's wait (wake.h) now and then, for what must be looked at while no task stops: rings,
// fast while they fill and slow while they do not, and a process that could be attached in part only. It runs
// only while there is such a thing: an idle program must not pay for being watched.
#pragma once

#include <ctime>
#include <cstdint>

namespace vedette {

class Ticker {
 public:
  ~Ticker();
  // From the tracer's thread, after the workload was launched: what it inherits must be untouched. Once is
  // enough.
  void start();
  void set_interval_us(uint32_t interval_us);  // 0: stop
  uint32_t interval_us() const { return interval_us_; }

 private:
  timer_t timer_{};
  bool started_ = false;
  uint32_t interval_us_ = 0;
};

}  // namespace vedette
