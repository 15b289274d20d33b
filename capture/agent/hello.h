// SPDX-License-Identifier: Apache-2.0
// The frame that opens a stream: who we are and whom we watch (docs/wire.md).
#pragma once

#include <cstdint>
#include <vector>

#include "capture/agent/encode.h"
#include "capture/agent/options.h"

namespace vedette {

Encoder::Source random_source();
std::vector<uint8_t> hello_frame(const Encoder::Source& source, const Options& options, bool inlined);

}  // namespace vedette
