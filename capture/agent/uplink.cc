// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/uplink.h"

#include <time.h>

#include <algorithm>

#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr long kReopenPauseNs = 100'000'000;
constexpr uint64_t kListenNs = 5'000'000;  // how late an acknowledgement may be heard
// Where nobody says anything: a batch that is begun from now on is not due sooner, and need not wake us.
constexpr uint64_t kDeafNs = Recorder::kAgeMaxNs;
constexpr uint64_t kLivelyNs = 500'000'000;  // a response comes soon after the events that it answers
constexpr uint64_t kIdleListenNs = 100'000'000;  // and a new table of what is prevented, when nothing else happens
constexpr uint64_t kIdleReopenNs = 1'000'000'000;
constexpr int kSettleMs = 5;
constexpr size_t kStackBytes = 128 * 1024;

}  // namespace

void Uplink::start() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  ::pthread_create(&thread_, &attributes, thread_main, this);
  ::pthread_attr_destroy(&attributes);
}

void* Uplink::thread_main(void* self) {
  static_cast<Uplink*>(self)->run();
  return nullptr;
}

void Uplink::run() {
  for (;;) {
    Frame frame;
    const uint64_t now = monotonic_ns();
    const bool is_lively = !sent_.empty() || now - delivered_ns_ < kLivelyNs;
    const uint64_t lively_ns = link_.discards() ? kDeafNs : kListenNs;
    switch (spool_.take(frame, now + (is_lively ? lively_ns : kIdleListenNs))) {
      case Spool::Wake::Frame:
        deliver(std::move(frame));
        delivered_ns_ = monotonic_ns();
        break;
      case Spool::Wake::Due:
        recorder_.flush_due();
        settle(0);  // a tracer that waits for room makes batches due again and again: words must be heard all the same
        break;
      case Spool::Wake::Idle: settle(0); break;
      case Spool::Wake::Closed: return settle_all();
    }
    recorder_.batch_age(link_.batch_age_ms());
    notice_end();
  }
}

// One that refuses us has said so itself, and an end of ours is none of the host's.
void Uplink::notice_end() {
  if (on_gone_ == nullptr || link_.discards() || !link_.is_over() || !link_.refusal().empty() || deadline_ns_ != 0) return;
  std::exchange(on_gone_, nullptr)();
}

void Uplink::deliver(Frame frame) {
  if (link_.discards()) return spool_.recycle(std::move(frame.bytes));
  if (!link_.acknowledges()) {
    if (link_.send(frame.bytes)) return spool_.recycle(std::move(frame.bytes));
    lost_.add(Lost::host, frame.events);
    return;
  }
  spool_.hold(frame.bytes.size());
  sent_.push_back(std::move(frame));
  settle(0);
}

// Sends what this connection has not had yet, hears what was acknowledged, and lets go of it.
void Uplink::settle(int wait_ms) {
  if (sent_.empty()) return stay_in_touch();
  while (!sent_.empty()) {
    if (!link_.is_open() && (link_.is_over() || is_time_up() || !reopen())) return give_up();
    forget_acknowledged();
    if (on_their_way_ == sent_.size()) break;
    if (!link_.send(sent_[on_their_way_].bytes)) continue;
    highest_sent_ = std::max(highest_sent_, sent_[on_their_way_++].seq);
  }
  link_.listen(wait_ms);
  forget_acknowledged();
}

// Nothing waits to be sent. A host that came back must see us all the same: without us it could not tell that
// we are gone.
void Uplink::stay_in_touch() {
  if (link_.discards()) return;
  if (link_.is_open()) return void(link_.listen(0));
  if (!link_.acknowledges() || link_.is_over() || monotonic_ns() < reopen_ns_) return;
  on_their_way_ = 0;
  (void)link_.open();
  reopen_ns_ = monotonic_ns() + kIdleReopenNs;
}

// A host of 0.1 acknowledges an end by the number behind the last batch that it has by then, which may be one
// that we have not sent.
void Uplink::forget_acknowledged() {
  const uint64_t upto = std::min(link_.acknowledged(), highest_sent_);
  while (!sent_.empty() && sent_.front().seq <= upto) {
    spool_.release(sent_.front().bytes.size());
    spool_.recycle(std::move(sent_.front().bytes));
    sent_.pop_front();
    if (on_their_way_ > 0) --on_their_way_;
  }
}

// The workload has ended: what is on its way must arrive, as long as there is time.
void Uplink::settle_all() {
  while (!sent_.empty()) {
    if (is_time_up()) return give_up();
    settle(kSettleMs);
  }
  if (!link_.discards()) (void)link_.listen(0);  // what was answered after the last batch
}

void Uplink::give_up() {
  for (const Frame& frame : sent_) {
    lost_.add(Lost::host, frame.events);
    spool_.release(frame.bytes.size());
  }
  sent_.clear();
  on_their_way_ = 0;
}

// Until the host is back. False: there is no hope, or no time.
bool Uplink::reopen() {
  on_their_way_ = 0;
  while (!link_.open()) {
    if (link_.is_over() || is_time_up()) return false;
    const timespec pause{0, kReopenPauseNs};
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

bool Uplink::is_time_up() const {
  const uint64_t deadline = deadline_ns_;
  return deadline != 0 && monotonic_ns() > deadline;
}

void Uplink::finish(uint64_t wait_ns) {
  spool_.hurry();
  recorder_.flush();
  deadline_ns_ = monotonic_ns() + wait_ns;
  link_.give_up_at(deadline_ns_);
  spool_.close();
  ::pthread_join(thread_, nullptr);
}

}  // namespace vedette
