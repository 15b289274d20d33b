// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/recorder.h"

#include <algorithm>
#include <utility>

#include "capture/agent/pack.h"

namespace vedette {
namespace {

constexpr size_t kEndBytes = 64;  // the end frame: a word, two small numbers, the counters
constexpr uint64_t kTickNs = 10'000'000;  // a tick comes after so long, or sooner
constexpr uint64_t kTickedAgeNs = 3'000'000;
constexpr uint64_t kMsNs = 1'000'000;

EventTier tier_of(const Sighting& sighting) { return kEvents[static_cast<size_t>(sighting.event.id)].tier; }

// Calls by the thousand that say how a descriptor is used, or look at a file. An open, a copy of a
// descriptor, a connection that is accepted and a message that goes to an address are what a response may be
// waiting for.
bool may_wait(const Sighting& sighting) {
  switch (sighting.event.id) {
    case EventId::open:
    case EventId::openat:
    case EventId::dup:
    case EventId::dup2:
    case EventId::dup3:
    case EventId::accept:
    case EventId::accept4:
    case EventId::sendto:
    case EventId::sendmsg:
    case EventId::sendmmsg: return false;
    default: return tier_of(sighting) == EventTier::Hot;
  }
}

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
  if (begun_ns_ != 0 && monotonic_ns() - sealed_ns_ >= ticked_span_ns()) seal(Room::Awaited);
}

void Recorder::on_rest() {
  const std::lock_guard lock(mutex_);
  if (begun_ns_ == 0) return;
  due_ns_ = std::exchange(begun_ns_, 0) + span_ns();
  spool_.set_due(due_ns_);
}

void Recorder::seal_if_old() {
  if (begun_ns_ != 0 && monotonic_ns() - begun_ns_ >= ticked_span_ns()) seal(Room::Awaited);
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
  note(may_wait(sighting));
}

// An event is in the batch: who seals it, and when. The first one decides, and the first that may not wait.
void Recorder::note(bool waits) {
  const bool is_first = encoder_.records() == 1;
  const bool hastens = !waits && !prompt_;
  prompt_ |= hastens;
  if (!is_first && !hastens) return;
  const uint64_t now = monotonic_ns();
  if (is_first && in_burst_) begun_ns_ = now;
  if (begun_ns_ != 0) return;  // ticks will see it
  const uint64_t due = now + span_ns();
  if (due_ns_ != 0 && due_ns_ <= due) return;
  due_ns_ = due;
  spool_.set_due(due);
}

uint64_t Recorder::span_ns() const {
  const uint64_t age = age_ns_.load(std::memory_order_relaxed);
  return prompt_ ? std::min(age, kAgeMaxNs) : age;
}

// By ticks: the one is left out that would make the batch older.
uint64_t Recorder::ticked_span_ns() const {
  const uint64_t span = span_ns();
  return span > kTickNs ? kTickedAgeNs + span - kTickNs : kTickedAgeNs;
}

void Recorder::batch_age(uint64_t ms) {
  const uint64_t ns = ms == 0 ? kAgeMaxNs : std::clamp(std::min(ms, kAgeMostNs / kMsNs) * kMsNs, kAgeLeastNs, kAgeMostNs);
  age_ns_.store(ns, std::memory_order_relaxed);
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
  due_ns_ = 0;
  prompt_ = false;
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
