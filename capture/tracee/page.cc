// SPDX-License-Identifier: Apache-2.0
// Reads the tables of page.S. The phase marks come in the order the assembler met them, not by address (rare
// paths are moved behind the others), so they are sorted once.
#include "capture/tracee/page.h"

#include <algorithm>
#include <cstring>
#include <vector>

extern "C" {
extern const std::byte vedette_page[], vedette_page_end[];
extern const uint32_t vedette_phases[], vedette_phases_end[];
extern const uint32_t vedette_shapes[], vedette_shapes_end[];
extern const uint32_t vedette_snaplens[], vedette_snaplens_end[];
extern const uint32_t vedette_labels[];
}

namespace vedette {
namespace {

struct Mark {
  uint32_t offset;
  uint32_t phase;
};

const std::vector<Mark>& marks() {
  static const std::vector<Mark> sorted = [] {
    std::vector<Mark> marks;
    for (const uint32_t* word = vedette_phases; word < vedette_phases_end; word += 2) marks.push_back({word[0], word[1]});
    // Two marks at one place: the later in the file is the one that counts from there on.
    std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.offset < b.offset; });
    return marks;
  }();
  return sorted;
}

uint64_t label(unsigned index) { return VEDETTE_AGENT_CODE + vedette_labels[index]; }

}  // namespace

std::span<const std::byte> AgentPage::code() {
  return {vedette_page, static_cast<size_t>(vedette_page_end - vedette_page)};
}

void AgentPage::set_snaplen(std::span<std::byte> into, uint32_t snaplen) {
  for (const uint32_t* at = vedette_snaplens; at < vedette_snaplens_end; ++at) memcpy(&into[*at], &snaplen, sizeof snaplen);
  if (snaplen != VEDETTE_SNAPLEN_USUAL) into[vedette_labels[8] - 1] = std::byte{0xff};
}

ShapeAddresses AgentPage::addresses(Shape shape) {
  const uint32_t* pair = vedette_shapes + 2 * static_cast<size_t>(shape);
  return {VEDETTE_AGENT_CODE + pair[0], VEDETTE_AGENT_CODE + pair[1]};
}

StubPhase AgentPage::phase_at(uint64_t ip) {
  const uint32_t offset = static_cast<uint32_t>(ip - VEDETTE_AGENT_CODE);
  auto after = std::upper_bound(marks().begin(), marks().end(), offset,
                                [](uint32_t wanted, const Mark& mark) { return wanted < mark.offset; });
  return static_cast<StubPhase>((after - 1)->phase);
}

bool AgentPage::reads_clock(uint64_t ip) {
  constexpr std::byte kRdtsc[] = {std::byte{0x0f}, std::byte{0x31}};
  if (!contains(ip)) return false;
  const uint64_t offset = ip - VEDETTE_AGENT_CODE;
  return offset + sizeof kRdtsc <= code().size() && std::equal(std::begin(kRdtsc), std::end(kRdtsc), code().begin() + static_cast<ptrdiff_t>(offset));
}

uint64_t AgentPage::dispatch() { return label(0); }
uint64_t AgentPage::take_the_site() { return label(1); }
uint64_t AgentPage::boot() { return label(2); }
uint64_t AgentPage::boot_after_shmat() { return label(3); }
uint64_t AgentPage::boot_after_madvise() { return label(4); }
uint64_t AgentPage::boot_after_near() { return label(5); }
uint64_t AgentPage::boot_report() { return label(6); }
uint64_t AgentPage::boot_after_mprotect() { return label(7); }
uint64_t AgentPage::after_facts() { return label(9); }
uint64_t AgentPage::after_new_facts() { return label(10); }
uint64_t AgentPage::after_link() { return label(11); }

std::array<uint8_t, AgentPage::kFirstStepsBytes> AgentPage::first_steps() {
  return {0xb0, 30,                      // mov $shmat,%al
          0x0f, 0x05,                    // syscall
          0xff, 0x60, VEDETTE_BOOT_AT,   // jmp *VEDETTE_BOOT_AT(%rax): a fault here if it was refused
          0xcc};
}

}  // namespace vedette
