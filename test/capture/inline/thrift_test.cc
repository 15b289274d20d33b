// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/thrift.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>

using namespace vedette;

TEST_CASE("a ring that was to be exchanged for a larger one is narrowed like any other when its thread rests instead") {
  struct Home final : RingHome {
    void take_back(RingSlot&) override {}
  } home;
  RingSlot slot(home, Ring::create(Ring::kMiddle));
  slot.attach(Tid(::getpid()), Tid(::gettid()));
  slot.grow();
  REQUIRE(slot.is_outgrown());
  const std::array<RingSlot*, 1> slots = {&slot};
  InlineThrift thrift;
  constexpr uint64_t kSecondNs = 1'000'000'000;
  for (uint64_t second = 1; second <= 10; ++second) thrift.look(slots, second * kSecondNs);
  CHECK(slot.ring().is_narrow());
  CHECK(!slot.is_outgrown());
}
