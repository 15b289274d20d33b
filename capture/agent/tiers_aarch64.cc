// SPDX-License-Identifier: Apache-2.0
// No inline tier yet: every call of the capture set is traced.
#include "capture/agent/tiers.h"

namespace vedette {

std::unique_ptr<Hooks> make_inline_tier(const Options&, const Clock&) { return nullptr; }
bool has_fsgsbase() { return false; }

}  // namespace vedette
