// SPDX-License-Identifier: Apache-2.0
// The thread between spool and host, so that the tracer never waits for a socket. It also seals batches that
// would get too old. When the host goes away the workload does not notice: an inherited stream cannot be had
// again, so what comes after is counted as lost; a host with an address is tried again, and meanwhile the
// spool fills. What such a host was sent is kept until it says that it has judged it, and sent again to the
// one that comes after: at least once, in order.
#pragma once

#include <pthread.h>

#include <atomic>
#include <deque>
#include <functional>
#include <utility>

#include "capture/agent/host_link.h"
#include "capture/agent/recorder.h"
#include "capture/agent/spool.h"

namespace vedette {

class Uplink {
 public:
  // `on_gone`: called once, on the thread, when a host is gone that cannot come back, before the workload's
  // end.
  Uplink(HostLink& link, Recorder& recorder, Spool& spool, LostCounters& lost, std::function<void()> on_gone)
      : link_(link), recorder_(recorder), spool_(spool), lost_(lost), on_gone_(std::move(on_gone)) {}

  void start();
  // Sends what there is, for at most so long, and ends the thread. What is left is counted.
  void finish(uint64_t wait_ns);

 private:
  static void* thread_main(void* self);
  void run();
  void deliver(Frame frame);
  void settle(int wait_ms);
  void settle_all();
  void stay_in_touch();
  void notice_end();
  void forget_acknowledged();
  void give_up();
  bool reopen();
  bool is_time_up() const;

  HostLink& link_;
  Recorder& recorder_;
  Spool& spool_;
  LostCounters& lost_;
  std::function<void()> on_gone_;  // empty once it was called
  std::deque<Frame> sent_;    // not acknowledged; some of them may not have been sent yet
  size_t on_their_way_ = 0;   // of these, sent over this connection
  uint64_t highest_sent_ = 0; // over any connection
  uint64_t reopen_ns_ = 0;    // not before this, while nothing waits to be sent
  uint64_t delivered_ns_ = 0; // when the last frame came
  pthread_t thread_{};
  std::atomic<uint64_t> deadline_ns_{0};
};

}  // namespace vedette
