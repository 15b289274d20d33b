// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/inline_filter.h"

#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace vedette {
namespace {

constexpr uint32_t kAll = 0xffffffff;
constexpr FilterCondition kNever = {0, 0, 1};  // nothing masked is 1
constexpr uint32_t kRegionHigh = static_cast<uint32_t>(kRingRegion >> 32);
constexpr uint32_t kRegionMask = ~static_cast<uint32_t>((kRingSlotsMax * kRingSlotBytes - 1) >> 32);
static_assert((kRegionHigh & ~kRegionMask) == 0);

// Which argument is an address that the call maps, unmaps or changes; `flag`: only when it is set in argument 3.
struct Guard {
  uint32_t nr;
  uint8_t arg;
  uint32_t flag;
};

#if defined(__x86_64__)
// mmap without MAP_FIXED too: where our page is missing, a hint would do.
constexpr Guard kGuards[] = {
    {SYS_mmap, 0, 0},    {SYS_munmap, 0, 0}, {SYS_mprotect, 0, 0},          {SYS_pkey_mprotect, 0, 0},
    {SYS_madvise, 0, 0}, {SYS_mremap, 0, 0}, {SYS_mremap, 4, MREMAP_FIXED}, {SYS_remap_file_pages, 0, 0},
    {SYS_shmat, 1, 0},   {SYS_shmdt, 0, 0},
};
constexpr uint32_t kArchPrctl = SYS_arch_prctl;
#else
constexpr std::initializer_list<Guard> kGuards = {};
constexpr uint32_t kArchPrctl = 0;
#endif

FilterRule guard_rule(const Guard& guard) {
  FilterRule rule{guard.nr, {}};
  if (guard.flag != 0) rule.conditions.push_back({3, guard.flag, guard.flag});
  return rule;
}

void add_guard(std::vector<FilterRule>& rules, const Guard& guard) {
  FilterRule low = guard_rule(guard), high = guard_rule(guard);
  low.conditions.push_back({guard.arg, kAll, 0, FilterWord::High});
  low.conditions.push_back({guard.arg, kAll, VEDETTE_AGENT_LIMIT, FilterWord::Low, FilterTest::Below});
  if (guard.nr == SYS_mmap || guard.nr == SYS_shmat) {  // address 0: anywhere
    low.conditions.push_back({guard.arg, kAll, VEDETTE_AGENT_BASE, FilterWord::Low, FilterTest::NotBelow});
  }
  high.conditions.push_back({guard.arg, kRegionMask, kRegionHigh, FilterWord::High});
  rules.push_back(std::move(low));
  rules.push_back(std::move(high));
}

}  // namespace

void add_inline_rules(std::vector<FilterRule>& rules, Integrity integrity) {
  if (inline_calls().empty()) return;
  for (FilterRule& rule : rules) {
    const auto shape = inline_shape(rule.nr, integrity);
    if (shape) rule.gates.push_back(AgentPage::addresses(*shape).gate + 2);
  }
  for (const Guard& guard : kGuards) add_guard(rules, guard);
  // A send that connects (TCP fast open) is none of the hot ones, wherever it is made: prevention may have an answer.
  rules.push_back({SYS_sendto, {{3, MSG_FASTOPEN, MSG_FASTOPEN}}, {}, true});
  rules.push_back({SYS_sendmsg, {{2, MSG_FASTOPEN, MSG_FASTOPEN}}, {}, true});
  // The boot's own calls; the rules that stop others stand above.
  rules.push_back({SYS_shmat, {kNever}, {AgentPage::boot_after_shmat(), AgentPage::boot_after_near()}});
  rules.push_back({SYS_madvise, {kNever}, {AgentPage::boot_after_madvise()}});
  // Programs that want GS for themselves.
  for (const uint32_t code : {ARCH_SET_GS, ARCH_GET_GS}) rules.push_back({kArchPrctl, {{0, kAll, code}}});
}

bool is_in_agent(uint64_t address) {
  if (address < VEDETTE_AGENT_LIMIT) return address >= VEDETTE_AGENT_BASE;
  return (static_cast<uint32_t>(address >> 32) & kRegionMask) == kRegionHigh;
}

bool touches_agent(uint32_t nr, const uint64_t (&args)[6]) {
  for (const Guard& guard : kGuards) {
    if (guard.nr != nr || (args[3] & guard.flag) != guard.flag) continue;
    if (is_in_agent(args[guard.arg])) return true;
    // A range that begins below the agent's may reach into it.
    const bool has_length = guard.arg == 0 && nr != SYS_shmdt && nr != SYS_mmap;
    if (has_length && args[0] < VEDETTE_AGENT_BASE && args[1] > VEDETTE_AGENT_BASE - args[0]) return true;
  }
  return false;
}

}  // namespace vedette
