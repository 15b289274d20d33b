// SPDX-License-Identifier: Apache-2.0
// The inline tier: its times are the TSC's, its memory is System V's.
#include <sys/auxv.h>

#include "capture/agent/tiers.h"
#include "capture/inline/tier.h"

namespace vedette {

std::unique_ptr<Hooks> make_inline_tier(const Options& options, const Clock& clock) {
  if (!options.inline_tier || !clock.has_tsc()) return nullptr;
  auto tier = std::make_unique<InlineTier>(options.limits.snaplen, options.integrity, options.site_cache, options.limits.tls_plaintext);
  return tier->is_possible() ? std::move(tier) : nullptr;
}

bool has_fsgsbase() {
  constexpr unsigned long kHwcap2Fsgsbase = 1ul << 1;
  return (::getauxval(AT_HWCAP2) & kHwcap2Fsgsbase) != 0;
}

}  // namespace vedette
