// SPDX-License-Identifier: Apache-2.0
// The two steps of decoding are the same walk over the row's steps; what a step does on each side stands in
// the table of roles (roles.cc).
#include "capture/decode/decoder.h"

#include <algorithm>
#include <iterator>

#include "capture/decode/compat.h"
#include "capture/decode/roles.h"

namespace vedette {

namespace {

bool conditions_hold(const Row& row, const Call& call) {
  if (row.is(kNotOwnReading) && static_cast<uint32_t>(call.args[0]) == 0 && call.args[2] == 0) return false;
  if (row.is(kOfRequests) && std::ranges::find(kRequests, static_cast<uint32_t>(call.args[1])) == std::end(kRequests)) return false;
  for (const Condition& condition : row.conditions) {
    if ((static_cast<uint32_t>(call.args[condition.arg]) & condition.mask) != condition.equals) return false;
  }
  return true;
}

}  // namespace

bool decode_enter(const Call& call, Memory& memory, const Limits& limits, Event& event) {
  const Row* row = limits.tls_plaintext ? find_plaintext_row(call) : nullptr;
  if (row == nullptr) row = find_row(call.abi, call.nr);
  if (row == nullptr) return false;
  if (row->fold == Fold::None) {
    if (!conditions_hold(*row, call)) return false;
    event.call = call;
  } else {
    Call native = call;
    row = unfold(*row, native, memory);
    if (row == nullptr || !conditions_hold(*row, native)) return false;
    event.call = native;
  }
  event.reset(row->id);
  event.row = row;
  Decoding decoding{event.call, memory, limits, layout_of(call.abi), event};
  for (const Step& step : row->steps) {
    if (const RoleFunction enter = actions_of(step.role).enter) enter(decoding, step);
  }
  return true;
}

void decode_exit(const Call& call, Memory& memory, const Limits& limits, Event& event) {
  event.call.exit_ns = call.exit_ns;
  event.call.result = call.result;
  event.call.returned = call.returned;
  if (event.row->is(kTellsPlaintext)) event.call.result = static_cast<int64_t>(call.args[2]);
  if (!call.returned) {
    event.flags |= kInFlight;
    return;
  }
  Decoding decoding{event.call, memory, limits, layout_of(call.abi), event};
  for (const Step& step : event.row->steps) {
    if (const RoleFunction exit = actions_of(step.role).exit) exit(decoding, step);
  }
}

}  // namespace vedette
