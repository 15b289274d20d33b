// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/calls.h"

#include <doctest/doctest.h>

#include "capture/decode/syscalls.h"
#include "capture/state/real_paths.h"

using namespace vedette;

TEST_CASE("an inline call waits for names exactly if it can change what they mean") {
  REQUIRE(inline_calls().size() > 60);
  unsigned waiting = 0;
  for (const InlineCall& call : inline_calls()) {
    const Row* const row = find_row(kNativeAbi, call.nr);
    REQUIRE(row != nullptr);
    CAPTURE(call.nr);
    CHECK(waits_for_names(call.nr) == changes_names(row->id));
    CHECK(tells_folder(call.nr) == (row->id == EventId::chdir || row->id == EventId::fchdir));
    if (waits_for_names(call.nr)) CHECK(keeps_inputs(call.nr));
    waiting += waits_for_names(call.nr);
  }
  CHECK(waiting == 8);
}

TEST_CASE("strict integrity leaves opens, and what sets the directory that paths begin at, to the kernel") {
  for (const InlineCall& call : inline_calls()) {
    CAPTURE(call.nr);
    CHECK(inline_shape(call.nr, Integrity::Strict).has_value() == !(is_open(call.nr) || tells_folder(call.nr)));
  }
}
