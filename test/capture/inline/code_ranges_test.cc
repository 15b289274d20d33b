// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/code_ranges.h"

#include <doctest/doctest.h>

using namespace vedette;

TEST_CASE("ranges that touch are one, and what lies between two is not known") {
  CodeRanges code;
  code.add({0x5000, 0x6000});
  code.add({0x1000, 0x2000});
  CHECK(code.cover({0x1000, 0x2000}));
  CHECK_FALSE(code.cover({0x1000, 0x2001}));
  CHECK_FALSE(code.cover({0x2000, 0x5000}));
  CHECK_FALSE(code.cover({0x1000, 0x6000}));
  code.add({0x2000, 0x4000});
  CHECK(code.cover({0x1800, 0x3000}));
  code.add({0x3000, 0x5800});
  CHECK(code.cover({0x1000, 0x6000}));
  CHECK_FALSE(code.cover({0xfff, 0x1001}));
}

TEST_CASE("what is known ends where a range does, or where it begins") {
  CodeRanges code;
  code.add({0x2000, 0x4000});
  CHECK(code.covered_until(0x2000) == 0x4000);
  CHECK(code.covered_until(0x3fff) == 0x4000);
  CHECK(code.covered_until(0x4000) == 0x4000);
  CHECK(code.covered_until(0x1000) == 0x1000);
}

TEST_CASE("a range that is known in part is touched, and not covered") {
  CodeRanges code;
  code.add({0x2000, 0x4000});
  CHECK(code.touch({0x1000, 0x2001}));
  CHECK(code.touch({0x3fff, 0x8000}));
  CHECK_FALSE(code.cover({0x3000, 0x5000}));
  CHECK_FALSE(code.touch({0x1000, 0x2000}));
  CHECK_FALSE(code.touch({0x4000, 0x5000}));
}

TEST_CASE("a range may swallow several") {
  CodeRanges code;
  for (uint64_t at = 0x10000; at < 0x20000; at += 0x2000) code.add({at, at + 0x1000});
  code.add({0x11000, 0x1f000});
  CHECK(code.cover({0x10000, 0x1f000}));
  CHECK_FALSE(code.cover({0x10000, 0x1f001}));
}

TEST_CASE("with too many places apart everything counts as known") {
  CodeRanges code;
  for (uint64_t i = 0; i <= CodeRanges::kMax; ++i) {
    CHECK_FALSE(code.cover({1, 2}));
    code.add({0x1000 + i * 0x2000, 0x2000 + i * 0x2000});
  }
  CHECK(code.cover({1, 2}));
}
