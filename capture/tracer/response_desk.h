// SPDX-License-Identifier: Apache-2.0
// Where the thread that hears the host leaves requests for the tracer, and the tracer its answers. Both
// queues are bounded: a host that floods us is refused, and an answer that nobody fetches is dropped for a
// newer one. An answer goes to the connection that asked. A host numbers its requests from one, so to the
// next host the same number means something else.
#pragma once

#include <atomic>
#include <ctime>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "capture/tracer/response.h"

namespace vedette {

class ResponseDesk {
 public:
  // Why this agent cannot hold such rows; empty: it can.
  using Obstacle = std::function<std::string(const std::vector<PreventRow>&)>;

  // `is_open`: whether the agent may respond at all (--respond). Where it may not, it refuses.
  explicit ResponseDesk(bool is_open, Obstacle obstacle = {}) : is_open_(is_open), obstacle_(std::move(obstacle)) {}
  ~ResponseDesk();
  ResponseDesk(const ResponseDesk&) = delete;
  ResponseDesk& operator=(const ResponseDesk&) = delete;

  // From the tracer's thread, when its wait can be interrupted.
  void serve();
  // The tracer is gone: whoever asks now is told so.
  void close();
  // From any thread.
  void ask(ResponseRequest request);
  std::vector<ResponseAnswer> take_answers();
  // A connection begins: what the one before has asked is answered to nobody, and begun no more.
  void greet();

  // The tracer's.
  bool has_requests() const { return has_requests_.load(std::memory_order_acquire); }
  std::vector<ResponseRequest> take_requests();
  void answer(ResponseAnswer answer);

 private:
  void put(ResponseAnswer answer);
  void call_tracer(bool is_wanted);

  const bool is_open_;
  const Obstacle obstacle_;
  std::atomic<bool> has_requests_{false};
  std::mutex mutex_;
  bool is_closed_ = false;
  uint64_t asker_ = 0;
  timer_t timer_{};  // wakes the tracer again and again while requests wait
  bool has_timer_ = false;
  std::vector<ResponseRequest> requests_;
  std::vector<ResponseAnswer> answers_;
};

}  // namespace vedette
