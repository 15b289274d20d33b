// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/traps.h"

#include <utility>

namespace vedette {
namespace {

constexpr uint8_t kTrapsBeforePatch = PatchableFile::kKnownTraps;
constexpr unsigned kTrapsBeforeRing = 2;

}  // namespace

void InlineTraps::on_trap(Task& task, const SyscallInfo& at, bool is_left) {
  InlineTask& mine = inline_part(task);
  InlineImage* const image = image_of(*task.space);
  if (image == nullptr || !image->active) return;
  const bool was_asked = mine.slot != nullptr && mine.slot->take_answer();
  if (mine.slot == nullptr && ++mine.traps >= kTrapsBeforeRing) mine.wants_ring = true;
  MappedFile* const file = code_.file_of(task, at.instruction_pointer - kSyscallBytes);
  if (file == nullptr || !file->file || !file->file->is_worth_a_search()) return;
  const std::optional<size_t> site = file->file->site_ending_at(at.instruction_pointer - file->bias);
  if (!site) return;
  file->sites.resize(file->file->sites().size());
  if (file->sites[*site].patched) return on_full(mine, was_asked || is_left);
  count(task, at, *file, *site);
}

// At a patched site: its ring had no room.
void InlineTraps::on_full(InlineTask& mine, bool was_asked) {
  if (mine.slot == nullptr || was_asked || mine.closed) return;
  if (mine.slot->ring().is_narrow()) return mine.slot->ring().feed();
  mine.slot->count_full();
  pace_.hurry();
}

// At a site that is not patched: it is to be, or stays as it is.
void InlineTraps::count(Task& task, const SyscallInfo& at, MappedFile& file, size_t site) {
  MappedFile::SiteState& state = file.sites[site];
  if (state.traps < kTrapsBeforePatch) ++state.traps;
  const bool is_known = file.file->is_needed(site);
  file.file->count_trap(site);
  if (!file.file->sites()[site].patchable() || state.dropped) return code_.count_unpatched(*file.file, site);
  if (is_known || state.traps >= kTrapsBeforePatch || !is_alone(task)) inline_part(task).wanted_site = at.instruction_pointer;
}

void InlineTraps::grant(Task& task) {
  InlineTask& mine = inline_part(task);
  InlineImage* const image = image_of(*task.space);
  if (mine.slot != nullptr && !mine.borrowed && mine.slot->take_growth()) mine.wants_ring = true;
  if ((mine.wanted_site == 0 && !mine.wants_ring) || image == nullptr || !image->active || mine.borrowed) return;
  Ref<RingSlot> slot = std::exchange(mine.wants_ring, false) ? wanted_ring(mine, *image) : nullptr;
  if (slot != nullptr && slot->is_attached()) {  // nothing is left to attach
    if (!rings_.hand(task, slot)) return;
    slot = nullptr;
  }
  MappedFile* const file = mine.wanted_site == 0 ? nullptr : image->file_at(mine.wanted_site - kSyscallBytes);
  const bool needs_stubs = file != nullptr && file->near == nullptr;
  if (slot != nullptr || (needs_stubs && !mine.closed)) return boot_.send(task, slot, needs_stubs ? file : nullptr);
  if (file != nullptr && file->near != nullptr) code_.patch_hot(task, *file, mine.wanted_site);
  mine.wanted_site = 0;
}

// One that its image has over, or a new one; nullptr: there is none to be had.
Ref<RingSlot> InlineTraps::wanted_ring(InlineTask& mine, InlineImage& image) {
  const size_t size = mine.slot == nullptr ? Ring::kSmall : Ring::next_size(mine.slot->ring().data_bytes());
  Ref<RingSlot> slot = image.free_slot(size);
  std::unique_ptr<Ring> ring = slot == nullptr && !mine.closed ? rings_.borrow(size) : nullptr;
  return ring ? image.add_slot(std::move(ring)) : slot;
}

}  // namespace vedette
