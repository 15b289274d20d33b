// SPDX-License-Identifier: Apache-2.0
// A record that never got any memory.
#pragma once

#include "capture/decode/memory.h"

namespace vedette {

class NoMemory final : public Memory {
 public:
  size_t read(uint64_t, void*, size_t) override { return 0; }
};

}  // namespace vedette
