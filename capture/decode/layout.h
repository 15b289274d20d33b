// SPDX-License-Identifier: Apache-2.0
// How the structs that calls pass around lie in memory, by the width of the program's pointers. Offsets are
// the kernel's (struct iovec, msghdr, mmsghdr, cmsghdr and their compat_ twins); structs without pointers are
// the same for both. And where bits differ between processors: arm64 has four flags of open(2) elsewhere;
// events have x86-64's.
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
  bool moves_open_flags = false;
};

inline constexpr Layout kLayout64 = {8, {0, 8, 16, 24, 32, 40, 56}, 56, 64, 16};
inline constexpr Layout kLayout32 = {4, {0, 4, 8, 12, 16, 20, 28}, 28, 32, 12};
inline constexpr Layout kLayoutAarch64 = {8, {0, 8, 16, 24, 32, 40, 56}, 56, 64, 16, true};

inline const Layout& layout_of(Abi abi) {
  if (abi == Abi::Aarch64) return kLayoutAarch64;
  return abi == Abi::I386 ? kLayout32 : kLayout64;
}

inline constexpr int64_t kOpenDirectory = 0x10000;  // O_DIRECTORY, as events have it

// O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_LARGEFILE: bits 14 to 17 on arm64; 16, 17, 14, 15 on x86-64
// (arch/arm64/include/uapi/asm/fcntl.h, include/uapi/asm-generic/fcntl.h).
inline constexpr uint64_t open_flags(const Layout& layout, uint64_t raw) {
  constexpr uint64_t kPair = 3u << 14;
  if (!layout.moves_open_flags) return raw;
  return (raw & ~(kPair | kPair << 2)) | (raw & kPair) << 2 | (raw >> 2 & kPair);
}

}  // namespace vedette
