// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/pace.h"

#include <algorithm>

namespace vedette {
namespace {

constexpr uint32_t kFastTickUs = 300, kSlowTickUs = 10'000;
constexpr uint32_t kTicksUs[] = {600, 1200, 2500, 4000, 7000, 10'000};  // but for the fastest
constexpr uint64_t kOutgrownUs = 5000;  // a ring that is half full sooner is too small

}  // namespace

void InlinePace::start() {
  context_->clock.settle();  // a record is about to be taken
  ticker_.start();
  if (ticker_.interval_us() == 0) ticker_.set_interval_us(kSlowTickUs);
}

void InlinePace::look() {
  if (!drain_.is_busy()) {
    ticker_.set_interval_us(0);
    return context_->sink.on_rest();
  }
  uint64_t wanted = kSlowTickUs;
  for (RingSlot* slot : drain_.busiest()) {
    const uint64_t found = slot->take_found();
    if (found == 0) continue;
    const uint64_t half_full_us = ticker_.interval_us() * slot->ring().reach() / 2 / found;
    if (half_full_us < kOutgrownUs) slot->ring().is_narrow() ? slot->ring().feed() : slot->grow();
    wanted = std::min(wanted, half_full_us);
  }
  uint32_t interval = kFastTickUs;
  for (const uint32_t tick : kTicksUs) interval = tick <= wanted ? tick : interval;
  ticker_.set_interval_us(interval);
}

void InlinePace::hurry() { ticker_.set_interval_us(kFastTickUs); }

}  // namespace vedette
