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

bool Descent::has(const Lineage& one) {
  bool is_of = false;
  passed_.clear();
  for (const Lineage* at = &one; at != nullptr; at = at->maker.get()) {
    ++looks_;
    if (const auto known = known_.find(at); known != known_.end()) {
      is_of = known->second;
      break;
    }
    passed_.push_back(at);
    is_of = at->process == ancestor_ && at->start_ns == start_ns_;
    if (is_of) break;
  }
  for (const Lineage* const at : passed_) known_.emplace(at, is_of);
  return is_of;
}

}  // namespace vedette
