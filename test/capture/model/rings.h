// SPDX-License-Identifier: Apache-2.0
// The model's rings: one a task, known by its number. Tests only.
#pragma once

#include <cstdint>

namespace vedette {

constexpr uint64_t ring_of(int tid) { return 0x4000'0000 + static_cast<uint64_t>(tid); }

}  // namespace vedette
