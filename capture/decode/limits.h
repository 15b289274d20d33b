// SPDX-License-Identifier: Apache-2.0
// How much of the program's data an event may carry. snaplen is the user's (--snaplen, 0 to 4096): payload
// bytes of a buffer, and at 0 no payload and no environment at all, since both may hold secrets.
#pragma once

#include <cstdint>

namespace vedette {

struct Limits {
  uint32_t snaplen = 80;
  bool tls_plaintext = false;  // what TLS libraries tell is told (wire/plaintext.h)
  uint32_t path_max = 4096;    // a path or a name, without its NUL (docs/wire.md)
  uint32_t argv_max = 65535;   // what an exec was given, all its strings together (docs/wire.md)
  uint32_t list_max = 4096;    // what a process is described by: its arguments, its environment; Falco's bound
};

inline constexpr uint32_t kSnaplenMax = 4096;

}  // namespace vedette
