// SPDX-License-Identifier: Apache-2.0
// A question which executable a process runs, as the host sends it, and the answer (docs/wire.md):
//
//   ["hash", id, pid, start, dev, ino, ctime, path]      numbers of 64 bits as decimal texts, times in ns since the epoch
//   ["hashed", id, digest, why]                    digest: 32 bytes of SHA-256, or none, and then why
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "capture/agent/hasher.h"

namespace vedette {

// Nothing: it is none, or holds what we do not know.
std::optional<HashRequest> read_hash_request(std::span<const uint8_t> frame);
std::vector<uint8_t> hashed_frame(const HashAnswer& answer);

}  // namespace vedette
