// SPDX-License-Identifier: Apache-2.0
// How far the inline tier believes programs (docs/inline.md).
#pragma once

#include <cstdint>

namespace vedette {

enum class Integrity : uint8_t {
  Normal,    // all programs, all of the table of inline calls
  Adaptive,  // the same, but nothing of a program that runs code from a file that is not of the image, or that came in
  Strict,    // what gives a program new access is kernel-mediated: the open family stays traced, and what paths begin at
};

}  // namespace vedette
