// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/spool.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr size_t kSpareMax = 3;  // one being filled, one being sent, one between
constexpr uint64_t kForever = ~0ull;
constexpr size_t kPressedQuarters = 3;  // from three quarters of the room on, hot events are shed

}  // namespace

std::array<uint64_t, kLostCounters> LostCounters::all() const {
  std::array<uint64_t, kLostCounters> values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = counters_[i].load(std::memory_order_relaxed);
  return values;
}

uint64_t LostCounters::total() const {
  uint64_t sum = 0;
  for (const uint64_t value : all()) sum += value;
  return sum;
}

bool Spool::put(Frame frame) {
  {
    std::unique_lock lock(mutex_);
    if (!frame.essential && !has_room(frame) && !wait_for_room(lock, frame)) return false;
    set_bytes(bytes_ + frame.bytes.size());
    frames_.push_back(std::move(frame));
  }
  filled_.notify_one();  // who wakes wants the lock
  return true;
}

bool Spool::has_room(const Frame& frame) const {
  return closed_ || hurried_ || bytes_ + frame.bytes.size() <= bytes_max_;
}

// The host is slow, and its agent no more stuck than it is.
bool Spool::wait_for_room(std::unique_lock<std::mutex>& lock, const Frame& frame) {
  std::optional<Pulse::Rest> rest;
  if (pulse_ != nullptr) rest.emplace(*pulse_);
  if (overload_ == Overload::Block) {
    drained_.wait(lock, [&] { return has_room(frame); });
    return true;
  }
  const uint64_t begun = monotonic_ns();
  for (uint64_t now = begun; !has_room(frame);) {
    uint64_t left = patience_ns_ - waited_ns_;
    if (!frame.guarded) left = std::min(left, begun + wait_ns_ - std::min(now, begun + wait_ns_));
    if (left == 0) return false;
    const uint64_t takings = takings_;
    drained_.wait_for(lock, std::chrono::nanoseconds(left));
    const uint64_t then = std::exchange(now, monotonic_ns());
    if (takings_ == takings) waited_ns_ = std::min(waited_ns_ + now - then, patience_ns_);
  }
  return true;
}

void Spool::note_taken() {
  ++takings_;
  waited_ns_ = 0;
  drained_.notify_one();
}

// Who waits for something sooner looks at this then, and need not be woken for it.
void Spool::set_due(uint64_t due_ns) {
  bool is_sooner;
  {
    const std::lock_guard lock(mutex_);
    due_ns_ = due_ns;
    is_sooner = due_ns != 0 && due_ns < waits_until_ns_;
  }
  if (is_sooner) filled_.notify_one();
}

void Spool::set_bytes(size_t bytes) {
  bytes_ = bytes;
  pressed_.store(overload_ == Overload::Shed && bytes_ >= bytes_max_ / 4 * kPressedQuarters, std::memory_order_relaxed);
}

void Spool::hurry() {
  const std::lock_guard lock(mutex_);
  hurried_ = true;
  drained_.notify_all();
}

void Spool::hold(size_t bytes) {
  const std::lock_guard lock(mutex_);
  set_bytes(bytes_ + bytes);
  holds_ = true;
}

void Spool::release(size_t bytes) {
  const std::lock_guard lock(mutex_);
  set_bytes(bytes_ - bytes);
  note_taken();
}

Spool::Wake Spool::take(Frame& into, uint64_t idle_ns) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!frames_.empty()) {
      into = std::move(frames_.front());
      frames_.pop_front();
      set_bytes(bytes_ - into.bytes.size());
      taken_ns_ = monotonic_ns();
      if (holds_) drained_.notify_one();
      else note_taken();
      return Wake::Frame;
    }
    if (closed_) return Wake::Closed;
    if (due_ns_ == 0 && idle_ns == 0) {
      waits_until_ns_ = kForever;
      filled_.wait(lock);
      waits_until_ns_ = 0;
      continue;
    }
    const uint64_t now = monotonic_ns();
    if (due_ns_ != 0 && now + kSoonNs >= due_ns_) {
      due_ns_ = 0;
      return Wake::Due;
    }
    if (idle_ns != 0 && now >= idle_ns) {
      if (now - taken_ns_ >= kKeptNs) spare_.clear();
      return Wake::Idle;
    }
    const uint64_t until = due_ns_ == 0 ? idle_ns : idle_ns == 0 ? due_ns_ : std::min(due_ns_, idle_ns);
    waits_until_ns_ = until;
    filled_.wait_for(lock, std::chrono::nanoseconds(until - now));
    waits_until_ns_ = 0;
  }
}

void Spool::recycle(std::vector<uint8_t> buffer) {
  const std::lock_guard lock(mutex_);
  if (spare_.size() >= kSpareMax) return;
  buffer.clear();
  spare_.push_back(std::move(buffer));
}

std::vector<uint8_t> Spool::fresh_buffer() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  std::vector<uint8_t> buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

void Spool::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  filled_.notify_all();
  drained_.notify_all();
}

size_t Spool::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace vedette
