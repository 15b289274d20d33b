// SPDX-License-Identifier: Apache-2.0
// Finds a socket in the tables of /proc/PID/net by its inode number: the slow way, for where the kernel does
// not let us have a copy of the descriptor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/state/truth.h"

namespace vedette {

std::optional<SocketFacts> find_socket(Truth& truth, uint32_t pid, uint64_t ino, std::string& scratch);

}  // namespace vedette
