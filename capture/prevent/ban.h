// SPDX-License-Identifier: Apache-2.0
// Rows that deny calls to one process tree: a response has asked for them (tracer/responses.h). They are rows
// like those of the table, and the same code judges by them (tracer/prevention.h); the tasks of the tree hold
// them, and their children inherit them.
#pragma once

#include <vector>

#include "capture/prevent/table.h"
#include "capture/state/ref.h"

namespace vedette {

struct Ban : Counted {
  explicit Ban(std::vector<PreventRow> denied) : rows(std::move(denied)) {}
  std::vector<PreventRow> rows;
  bool is_over = false;  // its time is up: whoever still holds it is denied nothing by it
};
using Bans = std::vector<Ref<Ban>>;

// Responses to one task one after another; more are refused.
inline constexpr size_t kBansMax = 16;

}  // namespace vedette
