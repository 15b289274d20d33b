// SPDX-License-Identifier: Apache-2.0
// The registers that were read last: several parts ask for those of one stop. Dropped by whatever may change
// them, or may let the task go on, and by each wait; so they are those of the stop at hand. They are of the
// thread that traces.
#pragma once

#include <optional>

#include "capture/kernel/arch.h"
#include "capture/kernel/tid.h"

namespace vedette {

struct KeptRegisters {
  Tid tid;
  Registers registers;
};
inline thread_local std::optional<KeptRegisters> kept_registers;

}  // namespace vedette
