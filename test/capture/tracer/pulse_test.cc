// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/pulse.h"

#include <doctest/doctest.h>

using namespace vedette;

namespace {

constexpr uint64_t kLookNs = 100'000'000;
constexpr uint64_t kLooksMax = PulseWatch::kTurnMaxNs / kLookNs;

// A clock of the test's, and the uplink that looks ten times a second.
struct Looks {
  Pulse pulse;
  PulseWatch watch{pulse};
  uint64_t now_ns = 1'000'000'000;

  bool after(uint64_t gap_ns) { return watch.is_stuck(now_ns += gap_ns); }
  // How often it was found stuck.
  uint64_t stuck_in(uint64_t looks) {
    uint64_t found = 0;
    while (looks-- > 0) found += after(kLookNs);
    return found;
  }
};

}  // namespace

TEST_CASE("a turn that does not end is stuck, and the next turn is not") {
  Looks looks;
  looks.pulse.work();
  CHECK(looks.stuck_in(kLooksMax) == 0);
  CHECK(looks.after(kLookNs));
  CHECK(looks.stuck_in(50) == 50);
  looks.pulse.work();
  CHECK_FALSE(looks.after(kLookNs));
  looks.pulse.work();
  CHECK(looks.stuck_in(kLooksMax) == 0);
}

TEST_CASE("who rests is not stuck, however long, and its next turn has the whole time") {
  Looks looks;
  CHECK(looks.stuck_in(1000) == 0);
  looks.pulse.work();
  CHECK(looks.stuck_in(kLooksMax) == 0);
  looks.pulse.rest();
  CHECK(looks.stuck_in(1000) == 0);
  looks.pulse.rest();
  looks.pulse.work();
  CHECK(looks.stuck_in(kLooksMax) == 0);
  CHECK(looks.after(kLookNs));
}

TEST_CASE("turns that follow each other without a rest are not stuck") {
  Looks looks;
  for (int i = 0; i < 1000; ++i) {
    looks.pulse.work();
    CHECK_FALSE(looks.after(kLookNs));
  }
}

TEST_CASE("time in which nobody looked counts for nearly nothing: a suspended machine, a stopped agent") {
  Looks looks;
  looks.pulse.work();
  CHECK_FALSE(looks.after(kLookNs));
  CHECK_FALSE(looks.after(3'600'000'000'000));
  CHECK_FALSE(looks.after(kLookNs));
  looks.pulse.work();
  CHECK_FALSE(looks.after(3'600'000'000'000));
}

TEST_CASE("a wait in the middle of a turn is a rest, and begins the turn anew") {
  Looks looks;
  looks.pulse.work();
  CHECK(looks.stuck_in(kLooksMax) == 0);
  {
    const Pulse::Rest rest(looks.pulse);
    CHECK(looks.stuck_in(1000) == 0);
  }
  CHECK(looks.stuck_in(kLooksMax) == 0);
  CHECK(looks.after(kLookNs));
}

TEST_CASE("a wait outside of any turn begins none") {
  Looks looks;
  {
    const Pulse::Rest rest(looks.pulse);
  }
  CHECK(looks.stuck_in(1000) == 0);
}
