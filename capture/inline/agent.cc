// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/agent.h"

#include <cstring>

namespace vedette {
namespace {

// A ring without room, for ever: head is beyond the end of the room, and no look at tail will find any.
void write_null_context(std::byte* base) {
  RingContext context = {};
  context.head = 1;
  memcpy(base, &context, sizeof context);
  static_assert(sizeof context <= VEDETTE_BOOT_AT);
  const uint64_t boot = AgentPage::boot();
  memcpy(base + VEDETTE_BOOT_AT, &boot, sizeof boot);
}

void write_word(std::byte* base, uint64_t address, uint64_t value) {
  memcpy(base + (address - VEDETTE_AGENT_BASE), &value, sizeof value);
}

}  // namespace

Segment make_agent_segment(uint32_t snaplen, Integrity integrity) {
  Segment segment = Segment::create(VEDETTE_AGENT_BYTES, Segment::Use::Code);
  if (!segment.is_open()) return segment;
  std::byte* base = segment.base();
  write_null_context(base);
  write_word(base, VEDETTE_STANDING_VERSION, 2);  // nothing stands yet
  for (uint32_t nr = 0; nr < VEDETTE_CALLS; ++nr) {
    const auto shape = inline_shape(nr, integrity);
    write_word(base, VEDETTE_AGENT_TABLE + nr * 8, shape ? AgentPage::addresses(*shape).entry : AgentPage::take_the_site());
  }
  write_word(base, VEDETTE_DISPATCH, AgentPage::dispatch());
  const std::span<std::byte> code(base + (VEDETTE_AGENT_CODE - VEDETTE_AGENT_BASE), AgentPage::code().size());
  memcpy(code.data(), AgentPage::code().data(), code.size());
  AgentPage::set_snaplen(code, snaplen);
  return segment;
}

}  // namespace vedette
