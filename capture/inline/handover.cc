// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/handover.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "capture/kernel/clock.h"
#include "capture/kernel/executable_maps.h"
#include "capture/wire/ring.h"

namespace vedette {
namespace {

constexpr uint64_t kPage = 4096;

MemoryRange range_of(const Call& call) { return {call.args[0], call.args[0] + ((call.args[1] + kPage - 1) & ~(kPage - 1))}; }

bool is_for_stub(const PendingCall& call) {
  const Call& facts = call.sighting.event.call;
  return call.sighting.event.id == EventId::mmap && facts.abi == kNativeAbi && InlineCode::maps_text(facts) && (facts.args[3] & MAP_FIXED) != 0 &&
         (facts.args[2] & PROT_EXEC) != 0 && !call.registers_changed;
}

// Whether nothing else is going on with its registers, its ring or its image.
bool is_free_for_it(const Task& task, const InlineTask& mine) {
  if (task.is_close() || task.debugged != nullptr || task.own_arguments != nullptr || task.trap() != Trap::Filter) return false;
  if (mine.slot == nullptr || mine.borrowed || mine.closed || mine.doubted || mine.wants_ring || mine.wanted_site != 0) return false;
  const RingSlot& slot = *mine.slot;
  return mine.boot == InlineTask::Boot::None && slot.owner() == task.tid && mine.context_base == slot.context_base() && !slot.is_outgrown() &&
         !slot.is_trespassed() && !slot.is_handed();
}

bool is_error(int64_t result) { return result < 0 && result >= -4095; }

// A kernel that does not answer denies nothing: whoever hides its mappings is not believed.
bool may_show_code(Tid tid, MemoryRange range) { return is_executable_within(tid, range.start, range.end).value_or(true); }

}  // namespace

bool InlineHandover::hand(Task& task, const PendingCall& call) {
  if (!is_for_stub(call)) return false;
  InlineTask& mine = inline_part(task);
  InlineImage* const image = image_of(*task.space);
  if (image == nullptr || !image->active || !is_free_for_it(task, mine)) return false;
  const Call& facts = call.sighting.event.call;
  // Where code lies already, an error could not be told from success.
  const MemoryRange range = range_of(facts);
  if (image->code.touch(range) || image->text.touch(range)) return false;
  std::optional<MappedFile> text = code_.text_of(task, facts, range);
  if (mine.wants_program_hooks || (text && !text->file->hooks().empty())) return false;  // what follows its return needs a stop
  RingRecord record{.size = VEDETTE_REC_CHUNKS, .nr = facts.nr, .enter_tsc = Clock::read_tsc(), .exit_tsc = 0, .result = 0, .args = {}};
  std::copy(std::begin(facts.args), std::end(facts.args), record.args);
  Ring& ring = mine.slot->ring();
  if (!ring.begin(record, call.ip)) return false;
  if (!ptrace_set_ip(task.tid, AgentPage::addresses(Shape::Plain).gate + kSyscallBytes)) {
    ring.clear_in_flight();
    return false;
  }
  mine.stands_at = InlineTask::kMoves;
  HandedCall handed{.call = facts, .text = nullptr};
  if (text) {
    text->is_guess = true;  // it is not there yet
    handed.text = std::make_shared<MappedFile>(std::move(*text));
  }
  mine.slot->hand(std::move(handed));
  return true;
}

// An error where no code lies is believed.
bool take_result(Context& context, const HandedCall& handed, Call& call) {
  const MemoryRange range = range_of(call);
  const Task* const task = context.tasks.find(Tid(static_cast<pid_t>(handed.call.tid)));
  InlineImage* const image = task == nullptr ? nullptr : image_of(*task->space);
  const bool is_there = call.result == static_cast<int64_t>(range.start);
  if (is_error(call.result) && (task == nullptr || !may_show_code(task->tid, range))) return true;
  call.result = static_cast<int64_t>(range.start);
  if (image == nullptr) return is_there;
  image->text.add(range);
  image->forget(range.start, range.end);
  if (handed.text != nullptr) image->add(*handed.text);
  return is_there;
}

}  // namespace vedette
