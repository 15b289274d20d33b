// SPDX-License-Identifier: Apache-2.0
// A number of an architecture and the call it stands for, by its name in calls.h.
#pragma once

#include <cstdint>

#include "capture/decode/compat.h"

namespace vedette {

struct Number {
  uint32_t nr;
  const char* name;
  Fold fold = Fold::None;
};

// A call of socketcall(2), and how many words of its argument block it reads.
struct SocketNumber {
  uint32_t nr;
  const char* name;
  uint8_t arguments;
};

}  // namespace vedette
