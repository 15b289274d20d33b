// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/answers.h"

#include <cpuid.h>

#include <utility>

namespace vedette {
namespace {

constexpr uint32_t kExtended = 0x80000000;
constexpr uint32_t kWholeLeaf = 0, kByPart = 0xffffffff;
constexpr uint32_t kCachesMax = 16;
constexpr uint32_t kStatesMax = 20;

CpuidAnswer ask(uint32_t leaf, uint32_t mask, uint32_t part) {
  CpuidAnswer answer{.leaf = leaf, .mask = mask, .part = part};
  __cpuid_count(leaf, part, answer.eax, answer.ebx, answer.ecx, answer.edx);
  return answer;
}

class Asking {
 public:
  uint32_t highest(uint32_t first) { return add(first, kWholeLeaf, 0).eax; }
  const CpuidAnswer& add(uint32_t leaf, uint32_t mask, uint32_t part) { return list_.emplace_back(ask(leaf, mask, part)); }
  // A cache a part; the first that is of no type ends them, and says so.
  void add_caches(uint32_t leaf) {
    constexpr uint32_t kType = 0x1f;
    for (uint32_t part = 0; part < kCachesMax && (add(leaf, kByPart, part).eax & kType) != 0; ++part) {}
  }
  // All of it, how it is saved, and a part for each kind of state, whether the processor has it or not.
  void add_saved_state(uint32_t leaf) {
    for (uint32_t part = 0; part < kStatesMax; ++part) add(leaf, kByPart, part);
  }
  std::vector<CpuidAnswer> take() { return std::move(list_); }

 private:
  std::vector<CpuidAnswer> list_;
};

}  // namespace

bool cpuid_is_dear() {
  constexpr uint32_t kHypervisor = 1u << 31;  // leaf 1, ecx
  constexpr uint32_t kHybrid = 1u << 15;      // leaf 7, edx
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kHypervisor) == 0) return false;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx & kHybrid) == 0;
}

std::vector<CpuidAnswer> cpuid_answers() {
  Asking asking;
  const uint32_t extended = asking.highest(kExtended);
  if (extended >= kExtended + 0x1d) asking.add_caches(kExtended + 0x1d);
  const uint32_t basic = asking.highest(0);
  if (basic >= 4) asking.add_caches(4);
  if (basic >= 0xd) asking.add_saved_state(0xd);
  for (const uint32_t leaf : {1u, 5u, 6u, 7u, 8u}) {
    if (extended >= kExtended + leaf) asking.add(kExtended + leaf, kWholeLeaf, 0);
  }
  if (basic >= 2) asking.add(2, kWholeLeaf, 0);
  for (const auto& [leaf, part] : {std::pair{7u, 0u}, {7u, 1u}, {0x14u, 0u}, {0x19u, 0u}, {0x24u, 0u}}) {
    if (basic >= leaf) asking.add(leaf, kByPart, part);
  }
  return asking.take();
}

}  // namespace vedette
