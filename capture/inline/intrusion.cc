// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/intrusion.h"

#include "capture/inline/spot_check.h"

namespace vedette {
namespace {

// Whether a stub could record there. A program's own memory that GS base happens to lead to is none that it
// can.
bool takes_records(Task& task, const RingContext& context) {
  const bool has_room = context.head <= context.room_end || context.head <= context.tail + context.room;
  uint8_t byte;
  return has_room && task.memory.read(context.records + (context.head & context.mask) - VEDETTE_REC_CHUNKS, &byte, 1) == 1;
}

std::optional<Intrusion> by_context(Task& task) {
  const InlineImage* const image = image_of(*task.space);
  if (image == nullptr || !image->active) return std::nullopt;
  const RingSlot* const own = inline_part(task).slot.get();
  const Result<uint64_t> context_base = ptrace_thread_context(task.tid);
  inline_part(task).context_base = context_base ? *context_base : 0;
  if (!context_base || *context_base == 0 || (own != nullptr && *context_base == own->context_base())) return std::nullopt;
  if (image->has_slot_at(*context_base)) return took_another_ring();
  if (is_ring_place(*context_base + VEDETTE_AGENT_BASE)) return std::nullopt;
  RingContext context;
  const bool is_there = task.memory.read(*context_base + VEDETTE_AGENT_BASE, &context, sizeof context) == sizeof context;
  if (is_there && takes_records(task, context)) return Intrusion{"a thread has recorded where nobody reads", "a thread took a GS base of its own"};
  return Intrusion{"", "it uses GS itself"};
}

std::optional<Intrusion> by_attaching(const RingSlot* slot) {
  if (slot == nullptr || !slot->is_trespassed()) return std::nullopt;
  const std::optional<Tid> trespasser = trespasser_of(*slot);
  const std::string who = trespasser ? "process " + std::to_string(trespasser->get()) : "another process";
  return Intrusion{who + " has attached the ring of this one", "another process has attached its ring"};
}

}  // namespace

std::optional<Intrusion> intrusion_of(Task& task) {
  if (std::optional<Intrusion> by_gs = by_context(task)) return by_gs;
  return by_attaching(inline_part(task).slot.get());
}

bool finds_anothers_ring(Task& task) {
  const InlineImage* const image = image_of(*task.space);
  const RingSlot* const own = inline_part(task).slot.get();
  const Result<uint64_t> context_base = ptrace_thread_context(task.tid);
  if (image == nullptr || !context_base || *context_base == 0) return false;
  return (own == nullptr || *context_base != own->context_base()) && image->has_slot_at(*context_base);
}

Intrusion took_another_ring() { return {"a thread has recorded in the ring of another", "a thread took the GS base of another"}; }

}  // namespace vedette
