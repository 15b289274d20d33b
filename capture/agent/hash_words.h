// SPDX-License-Identifier: Apache-2.0
// A question which executable a process runs, as the host sends it, and the answer (docs/wire.md):
//
//   ["hash", id, pid, start, dev, ino, ctime, path]      numbers of 64 bits as decimal texts, times in ns since the epoch
//   ["hashed", id, digest, why]                    digest: 32 bytes of SHA-256, or none, and then why; beside one,
//                                                  why it holds for this process alone
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "capture/agent/hasher.h"

namespace vedette {

struct HashQuestion {
  uint64_t id = 0;  // 0: not even that could be read
  std::optional<HashRequest> request = {};  // nothing: it holds what we do not know
};
HashQuestion read_hash_request(std::span<const uint8_t> frame);
std::vector<uint8_t> hashed_frame(const HashAnswer& answer);

}  // namespace vedette
