// SPDX-License-Identifier: Apache-2.0
// The table of what is prevented, as the host sends it (docs/wire.md):
//
//   ["prevent", version, [[policy, rule, deny, action, mode, networks, ports, files, programs, uids, executables], ...]]
//
// deny, action and mode are numbers in the order of their enums (prevent/table.h); the rest are texts,
// numbers, and lists of them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "capture/prevent/table.h"

namespace vedette {

class Unpack;

// Nothing: it is none, or holds what we do not know.
std::optional<PreventTable> read_table(std::span<const uint8_t> frame);

// One row of it; false: it holds what we do not know.
bool read_row(Unpack& from, PreventRow& row, Deny most);

// What this agent can do for a table.
struct PreventMeans {
  bool sealed_memory = true;  // System V memory
  bool sees_all = true;       // may look at processes of whatever user
  bool io_uring = false;      // lets programs use it
};
// Why the table cannot be held here, in words; empty: it can. What is only monitored may be seen less well.
std::string obstacle_to(const PreventTable& table, const PreventMeans& means);

}  // namespace vedette
