// SPDX-License-Identifier: Apache-2.0
// How the structs that calls pass around lie in memory, by the width of the program's pointers. Offsets are the kernel's
// (struct iovec, msghdr, mmsghdr, cmsghdr and their compat_ twins); structs without pointers are the same for both.
#pragma once

#include <cstdint>

#include "capture/decode/call.h"

namespace vedette {

struct Layout {
  uint8_t word;  // pointer, size_t
  struct Message {
    uint8_t name, name_size, vector, vector_count, control, control_size, size;
  } message;
  uint8_t batch_length;  // msg_len in struct mmsghdr
  uint8_t batch_stride;
  uint8_t control_header;  // struct cmsghdr, whose length comes first, then level and type
};

inline constexpr Layout kLayout64 = {8, {0, 8, 16, 24, 32, 40, 56}, 56, 64, 16};
inline constexpr Layout kLayout32 = {4, {0, 4, 8, 12, 16, 20, 28}, 28, 32, 12};

inline const Layout& layout_of(Abi abi) { return abi == Abi::I386 ? kLayout32 : kLayout64; }

}  // namespace vedette
