// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/recorder.h"

#include <utility>

#include "capture/agent/pack.h"

namespace vedette {
namespace {

constexpr size_t kEndBytes = 64;  // the end frame: a word, two small numbers, the counters
constexpr uint64_t kTickedAgeNs = 3'000'000;  // a tick comes every 10 ms, or sooner

EventTier tier_of(const Sighting& sighting) { return kEvents[static_cast<size_t>(sighting.event.id)].tier; }

}  // namespace

void Recorder::on_event(const Sighting& sighting) {
  if (in_burst_) return record(sighting);
  const std::lock_guard lock(mutex_);
  record(sighting);
  seal_if_old();
}

void Recorder::on_burst() {
  mutex_.lock();
  in_burst_ = true;
}

void Recorder::on_burst_end() {
  seal_if_old();
  in_burst_ = false;
  mutex_.unlock();
}

// What this tick has drained is old already where ticks are rare.
void Recorder::on_tick() {
  const std::lock_guard lock(mutex_);
  if (begun_ns_ != 0 && monotonic_ns() - sealed_ns_ >= kTickedAgeNs) seal(Room::Awaited);
}

void Recorder::on_rest() {
  const std::lock_guard lock(mutex_);
  if (begun_ns_ != 0) spool_.set_due(std::exchange(begun_ns_, 0) + kAgeMaxNs);
}

void Recorder::seal_if_old() {
  if (begun_ns_ != 0 && monotonic_ns() - begun_ns_ >= kTickedAgeNs) seal(Room::Awaited);
}

void Recorder::record(const Sighting& sighting) {
  ++recorded_;
  if (sheds(sighting)) {
    ++shed_;
    return lost_.add(Lost::spool, 1);
  }
  if (shed_ != 0 && !spool_.is_pressed()) seal(Room::Awaited);  // what comes now stands behind the gap
  if (!encoder_.append(sighting)) {
    seal(Room::Awaited);
    if (!encoder_.append(sighting)) {
      encoder_.skip(1);
      return lost_.add(Lost::decode, 1);
    }
  }
  guarded_ |= tier_of(sighting) == EventTier::Guarded;
  if (encoder_.records() != 1) return;
  const uint64_t now = monotonic_ns();
  if (in_burst_) begun_ns_ = now;
  else spool_.set_due(now + kAgeMaxNs);
}

// What is hot comes by the thousand and means little alone; what is guarded decides what happened.
bool Recorder::sheds(const Sighting& sighting) const {
  return tier_of(sighting) == EventTier::Hot && spool_.is_pressed();
}

void Recorder::flush() {
  const std::lock_guard lock(mutex_);
  seal(Room::Awaited);
}

void Recorder::flush_due() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) seal(Room::Taken);
  else spool_.set_due(monotonic_ns() + kAgainNs);
}

void Recorder::seal(Room room) {
  begun_ns_ = 0;
  sealed_ns_ = monotonic_ns();
  const uint64_t events = encoder_.records();
  if (events == 0) return skip_shed();
  clock_.refresh();
  Frame frame;
  frame.bytes = spool_.fresh_buffer();
  frame.events = events;
  frame.essential = room == Room::Taken;
  frame.guarded = guarded_;
  frame.seq = encoder_.next_batch();
  guarded_ = false;
  encoder_.seal(clock_.now_ns(), lost_.all(), frame.bytes);
  if (!spool_.put(std::move(frame))) lost_.add(Lost::spool, events);
  skip_shed();
}

// The gap in the numbers stands behind the batch in which the events would have been.
void Recorder::skip_shed() {
  if (shed_ != 0) encoder_.skip(shed_);
  shed_ = 0;
}

void Recorder::on_root_end(WaitStatus status) {
  const std::lock_guard lock(mutex_);
  seal(Room::Awaited);
  Frame frame;
  frame.essential = true;
  frame.seq = encoder_.next_batch();
  frame.bytes.reserve(kEndBytes);
  Pack pack(frame.bytes);
  pack.array(4);
  pack.text("end");
  pack.integer(status.is_exited() ? static_cast<uint64_t>(status.exit_code()) : 0);
  pack.integer(status.is_signaled() ? static_cast<uint64_t>(status.term_signal()) : 0);
  pack.array(kLostCounters);
  for (const uint64_t counter : lost_.all()) pack.integer(counter);
  spool_.put(std::move(frame));
  put_empty();
}

// The host acknowledges the end by the number behind the last batch (docs/wire.md). Were that the number of a
// batch with events, those would be let go before they are judged.
void Recorder::put_empty() {
  Frame frame;
  frame.essential = true;
  frame.seq = encoder_.next_batch();
  encoder_.seal(clock_.now_ns(), lost_.all(), frame.bytes);
  spool_.put(std::move(frame));
}

}  // namespace vedette
