// SPDX-License-Identifier: Apache-2.0
// How the code before a TLS library's functions tells what passes there (--tls-plaintext): by a write(2) to a
// descriptor that nobody can have. So a plaintext goes where the bytes of any write go: into the thread's
// ring, or to the tracer by a stop, cut at snaplen, through whatever filter the container has. The kernel
// answers EBADF and does nothing. It looks at the low half of the first argument alone; the rest says what
// this is:
//
//   0  the mark    1  the plaintext    2  its bytes; 0: there are none, only the connection is shown
//   3  the library's object    4  TSC when its function was called    5  the library, above it the descriptor by its word (-1: none)
//
// Whoever makes such a call by himself speaks for himself, as with any write.
#pragma once

#include <cstdint>

namespace vedette {

inline constexpr uint64_t kPlaintextRead = 0x7664'7472'ffff'ffff;
inline constexpr uint64_t kPlaintextWritten = 0x7664'7477'ffff'ffff;

}  // namespace vedette
