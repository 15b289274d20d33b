// SPDX-License-Identifier: Apache-2.0
// A request for a response, as the host sends it, and what came of it (docs/wire.md):
//
//   ["respond", id, action, dry, first, pid, start, start_ns, for, programs]
//   ["respond", id, 4, dry, first, pid, start, start_ns, for, programs, rows]      rows: as of a table (prevent_words.h)
//   ["responded", id, step, status, processes, why]
//
// action, step and status are numbers in the order of their enums (tracer/response.h); dry and first are 0 or
// 1; start and for are seconds, and start_ns is the rest of start.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "capture/tracer/response.h"

namespace vedette {

// Nothing: it is none, or holds what we do not know.
std::optional<ResponseRequest> read_request(std::span<const uint8_t> frame);
std::vector<uint8_t> answer_frame(const ResponseAnswer& answer);

}  // namespace vedette
