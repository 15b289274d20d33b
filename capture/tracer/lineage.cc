// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/lineage.h"

#include <utility>

namespace vedette {
namespace {

constexpr uint64_t kCutEvery = 1024;  // generations: to walk a chain at each birth would cost a storm too much

}  // namespace

Lineage::Lineage(Tid process, uint64_t start_ns, Ref<Lineage> made_by)
    : process(process), start_ns(start_ns), generation(made_by ? made_by->generation + 1 : 0), maker(std::move(made_by)) {
  if (generation < kGenerationsMax || generation % kCutEvery != 0) return;
  Lineage* at = this;
  for (uint64_t i = 0; i < kGenerationsMax && at->maker; ++i) at = at->maker.get();
  at->maker.reset();
}

// One after another: a long chain that ends at once must not take one frame of our stack for each of it.
Lineage::~Lineage() {
  Ref<Lineage> next = std::move(maker);
  while (next && !next.shared()) {
    Ref<Lineage> after = std::move(next->maker);
    next = std::move(after);
  }
}

bool Lineage::is_of(Tid ancestor, uint64_t ancestor_start_ns) const {
  for (const Lineage* at = this; at != nullptr; at = at->maker.get()) {
    if (at->process == ancestor && at->start_ns == ancestor_start_ns) return true;
  }
  return false;
}

}  // namespace vedette
