// SPDX-License-Identifier: Apache-2.0
// Registers and memory are the watched program's: whatever it puts there, an event stays within its bounds.
#include <doctest/doctest.h>

#include "test/capture/decode/decoding.h"
#include "test/capture/decode/hostile.h"

using namespace vedette;

namespace {

bool is_within_bounds(const Event& event, const Limits& limits) {
  for (unsigned i = 0; i < event.info().slots; ++i) {
    if (event.info().kinds[i] != SlotKind::Span || !event.has(i)) continue;
    const Span span = event.span(i);
    if (uint64_t{span.offset} + span.size > event.bytes.size()) return false;
    if (span.size > std::max(limits.path_max, limits.argv_max)) return false;
  }
  for (const Span span : {event.peer, event.rights}) {
    if (span.offset != kNull && uint64_t{span.offset} + span.size > event.bytes.size()) return false;
  }
  return event.bytes.size() < 128 * 1024;
}

}  // namespace

TEST_CASE("whatever the registers and the memory hold, an event stays within its bounds") {
  for (const Abi abi : {Abi::X86_64, Abi::I386}) {
    OneCall c;
    Hostile hostile(c.memory);
    size_t events = 0, broken = 0;
    for (int round = 0; round < 400; ++round) {
      for (const Row& row : rows_of(abi)) {
        c.limits.snaplen = round % 3 == 0 ? 0 : round % 3 == 1 ? 80 : 4096;
        if (!c.enter(row.nr, {hostile.value(), hostile.value(), hostile.value(), hostile.value(), hostile.value(), hostile.value()}, abi)) {
          continue;
        }
        c.exit(hostile.result());
        ++events;
        if (!is_within_bounds(c.event, c.limits)) {
          ++broken;
          MESSAGE(row.name);
        }
      }
    }
    CHECK(events > 40000);
    CHECK(broken == 0);
  }
}
