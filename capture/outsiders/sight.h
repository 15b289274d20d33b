// SPDX-License-Identifier: Apache-2.0
// What /proc says of a number: whose thread it is, who made that process, and who traces it.
#pragma once

#include <optional>
#include <vector>

#include "capture/kernel/proc.h"
#include "capture/kernel/tid.h"

namespace vedette {

struct Sight {
  Tid process, parent, tracer;
  bool has_ended = false;  // and waits for its parent

  // Nothing: nobody has that number.
  static std::optional<Sight> of(Tid number);
  // The tracer's thread that asks.
  bool is_ours() const;
};

// Numbers among the names of a folder: processes of /proc, threads of /proc/PID/task.
std::vector<Tid> numbers_in(PathAt path);

}  // namespace vedette
