// SPDX-License-Identifier: Apache-2.0
// Globs in the rows of a policy: `*` is any text, `?` one character, everything else itself. The twin of
// host/engine/glob.ts: a row's list must mean the same on both sides.
#pragma once

#include <string_view>

namespace vedette {

bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace vedette
