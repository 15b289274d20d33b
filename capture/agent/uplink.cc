// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/uplink.h"

#include <time.h>

#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr long kReopenPauseNs = 100'000'000;
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
    switch (spool_.take(frame)) {
      case Spool::Wake::Frame: deliver(std::move(frame)); break;
      case Spool::Wake::Due: recorder_.flush(); break;
      case Spool::Wake::Closed: return;
    }
  }
}

void Uplink::deliver(Frame frame) {
  if (link_.discards()) return spool_.recycle(std::move(frame.bytes));
  while (!link_.send(frame.bytes)) {
    if (link_.is_over() || is_time_up() || !reopen()) {
      lost_.add(Lost::host, frame.events);
      return;
    }
  }
  spool_.recycle(std::move(frame.bytes));
}

// Until the host is back. False: there is no hope, or no time.
bool Uplink::reopen() {
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
  recorder_.flush();
  deadline_ns_ = monotonic_ns() + wait_ns;
  link_.give_up_at(deadline_ns_);
  spool_.close();
  ::pthread_join(thread_, nullptr);
}

}  // namespace vedette
