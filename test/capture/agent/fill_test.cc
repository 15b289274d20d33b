// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/fill.h"

#include <doctest/doctest.h>

#include "capture/tracer/fill.h"

using namespace vedette;

TEST_CASE("the word on how full the agent is has its four numbers in their order") {
  const std::vector<uint8_t> frame = fill_frame({.spool = 1, .spool_max = 2, .rings = 3, .rings_max = 4});
  CHECK(frame == std::vector<uint8_t>{0x95, 0xa4, 'f', 'i', 'l', 'l', 1, 2, 3, 4});
}

TEST_CASE("of what waited in rings the most since the last question counts, and rings that are gone do not") {
  RingFill fill;
  fill.add_ring(4096);
  fill.add_ring(8192);
  fill.find(100);
  fill.find(40);
  CHECK(fill.bytes() == 12288);
  CHECK(fill.take_most() == 100);
  CHECK(fill.take_most() == 0);
  fill.remove_ring(4096);
  CHECK(fill.bytes() == 8192);
}
