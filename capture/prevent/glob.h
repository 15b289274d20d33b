// SPDX-License-Identifier: Apache-2.0
// Globs as whoever writes a policy writes them: `*` any text, `?` one character, all else as it is. The twin of
// host/engine/glob.ts: what a row's list means must not depend on which side asks.
#pragma once

#include <string_view>

namespace vedette {

bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace vedette
