// SPDX-License-Identifier: Apache-2.0
// What is done about hot calls that trap, so that the next one does not. A site is patched after it has trapped twice: what a
// program does once is cheaper trapped. What other processes have trapped at is patched at once, and the dynamic linker before it
// runs: all of its twenty hot sites where its boot does that, of which a short-lived program needs six. In a program with threads all
// hot sites of the file go together, because patching is dearer there and a site not seen yet will be.
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <cstdio>

#include "capture/inline/tier.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint8_t kTrapsBeforePatch = PatchableFile::kKnownTraps;
constexpr unsigned kTrapsBeforeRing = 2;
constexpr unsigned kFullBeforeLarger = 2;

// A line of /proc/PID/maps: "start-end perms offset dev inode path".
struct MapLine {
  uint64_t start = 0, end = 0, offset = 0;
  char permissions[5] = {};
  uint64_t inode = 0;
  std::string path;
};

std::optional<MapLine> map_line_at(Tid tid, uint64_t address) {
  std::string text;
  constexpr size_t kMapsMax = 4u << 20;
  if (!read_file(ProcPath(tid, "maps"), text, kMapsMax)) return {};
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    MapLine map;
    unsigned long long start, stop, offset, inode;
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %4s %llx %*s %llu %n", &start, &stop, map.permissions, &offset, &inode, &path_at) < 5) continue;
    if (address < start || address >= stop) continue;
    map.start = start;
    map.end = stop;
    map.offset = offset;
    map.inode = inode;
    map.path = line.substr(std::min<size_t>(static_cast<size_t>(path_at), line.size()));
    return map;
  }
  return {};
}

bool has_inode(PathAt path, uint64_t inode) {
  struct stat facts;
  return stat_at(path, facts) && facts.st_ino == inode;
}

}  // namespace

void InlineTier::on_hot_trap(Task& task, const SyscallInfo& at) {
  InlineTask& mine = inline_part(task);
  InlineImage* image = image_of(*task.space);
  if (image == nullptr || !image->active) return;
  const bool asked = mine.slot != nullptr && std::exchange(mine.slot->asked, false);
  if (asked) mine.slot->ring->unstarve();
  if (mine.slot == nullptr && ++mine.traps >= kTrapsBeforeRing) mine.wants_ring = true;
  MappedFile* file = file_of(task, at.instruction_pointer - kSyscallBytes);
  if (file == nullptr || !file->file || !file->file->is_worth_a_search()) return;
  const std::optional<size_t> index = file->file->site_ending_at(at.instruction_pointer - file->bias);
  if (!index) return;
  file->sites.resize(file->file->sites().size());
  MappedFile::SiteState& state = file->sites[*index];
  if (state.patched) {
    if (mine.slot == nullptr || asked || mine.closed) return;
    if (mine.slot->ring->is_narrow()) return mine.slot->ring->feed();
    if (++mine.slot->full >= kFullBeforeLarger && mine.slot->ring->data_bytes() < Ring::kLarge) mine.slot->outgrown = true;
    return ticker_.set_interval_us(kFastTickUs);
  }
  if (state.traps < kTrapsBeforePatch) ++state.traps;
  const bool is_known = file->file->is_needed(*index);
  file->file->count_trap(*index);
  const Site& site = file->file->sites()[*index];
  if (!site.patchable() || state.dropped) {
    ++unpatched_[{file->file.get(), *index}];
    return;
  }
  if (is_known || state.traps >= kTrapsBeforePatch || !is_alone(task)) mine.wanted_site = at.instruction_pointer;
}

void InlineTier::grant(Task& task) {
  InlineTask& mine = inline_part(task);
  InlineImage* image = image_of(*task.space);
  if (mine.slot != nullptr && !mine.borrowed && std::exchange(mine.slot->outgrown, false)) {
    mine.wants_ring = !std::exchange(mine.slot->stays, true);
    mine.slot->ring->feed();  // if there is no larger one to be had
  }
  if ((mine.wanted_site == 0 && !mine.wants_ring) || image == nullptr || !image->active || mine.borrowed) return;
  Ref<RingSlot> slot;
  if (std::exchange(mine.wants_ring, false)) {
    const size_t size = mine.slot == nullptr ? Ring::kSmall : Ring::next_size(mine.slot->ring->data_bytes());
    slot = image->free_slot(size);
    std::unique_ptr<Ring> ring = slot == nullptr && !mine.closed ? borrow_ring(size) : nullptr;
    if (ring) slot = image->add_slot(std::move(ring));
  }
  MappedFile* file = mine.wanted_site == 0 ? nullptr : image->file_at(mine.wanted_site - kSyscallBytes);
  const bool needs_stubs = file != nullptr && file->near == nullptr;
  const bool needs_attach = (slot != nullptr && !slot->attached) || (needs_stubs && !mine.closed);
  if (needs_attach) return stage_attach(task, slot, needs_stubs ? file : nullptr);
  if (slot != nullptr) {
    if (!ptrace_set_thread_context(task.tid, slot->gs_base())) return;  // it was killed, and ends with the ring that it has
    drop_slot(task);
    slot->ring->reset();
    if (mine.closed) slot->ring->withhold_opens();
    slot->last_tsc = 0;
    slot->full = 0;
    slot->outgrown = slot->stays = slot->asked = false;
    slot->looked_at = slot->slow_looks = 0;
    slot->owner = task.tid;
    mine.slot = slot;
  }
  if (file != nullptr && file->near != nullptr) patch_hot(task, *file, mine.wanted_site);
  mine.wanted_site = 0;
}

// The file whose code an address lies in, by what was mapped; by /proc's word for what we have not seen being mapped.
MappedFile* InlineTier::file_of(Task& task, uint64_t address) {
  InlineImage& image = *image_of(*task.space);
  if (MappedFile* known = image.file_at(address)) {
    if (!std::exchange(known->is_guess, false) || known->file->is_mapped_at(task.memory, known->bias)) return known;
    image.forget(known->start, known->end);
  }
  const std::optional<MapLine> map = map_line_at(task.tid, address);
  if (!map) return nullptr;
  MappedFile mapped{.start = map->start, .end = map->end};
  const bool is_text = std::string_view(map->permissions) == "r-xp" && map->inode != 0 && map->path.starts_with('/');
  const ProcPath path(task.tid, "root" + map->path);
  if (is_text && path.fits() && has_inode(path, map->inode)) {
    std::shared_ptr<PatchableFile> file = files_.find(path);
    const std::optional<uint64_t> bias = file ? file->bias_of(map->start, map->offset) : std::nullopt;
    if (bias) {
      mapped.bias = *bias;
      mapped.file = std::move(file);
    }
  }
  return &image.add(std::move(mapped));
}

// The site whose syscall ends at `ending_at` and those that others have needed, or all hot ones.
std::vector<size_t> InlineTier::hot_sites(MappedFile& file, bool all, uint64_t ending_at) const {
  const std::vector<Site>& sites = file.file->sites();
  file.sites.resize(sites.size());
  std::vector<size_t> chosen;
  for (size_t i = 0; i < sites.size(); ++i) {
    const bool is_the_one = file.bias + sites[i].end() == ending_at;
    const bool is_needed = all || file.file->is_needed(i);
    if (sites[i].patchable() && (is_the_one || (is_needed && sites[i].vouched && is_hot(sites[i].nr)))) chosen.push_back(i);
  }
  return chosen;
}

// In a program with threads, all go together.
void InlineTier::patch_hot(Task& task, MappedFile& file, uint64_t ending_at) {
  patcher_->apply(task, file, hot_sites(file, !is_alone(task), ending_at));
}

}  // namespace vedette
