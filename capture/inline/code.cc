// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/code.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr size_t kToldSitesMax = 32;
constexpr size_t kFilesPerImageMax = 256;  // calls from more files than that are traced: others need descriptors too

// `text` is what the answer's words stand in.
std::optional<MapLine> map_line_at(Tid tid, uint64_t address, std::string& text) {
  constexpr size_t kMapsMax = 4u << 20;
  if (!read_file(ProcPath(tid, "maps"), text, kMapsMax)) return {};
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && address >= map->start && address < map->end) return map;
  }
  return {};
}

bool has_inode(PathAt path, uint64_t inode) {
  struct stat facts;
  return stat_at(path, facts) && facts.st_ino == inode;
}

}  // namespace

InlineCode::InlineCode(Integrity integrity, const std::string& cache_folder, bool tells_plaintext)
    : files_(cache_folder, tells_plaintext), tells_plaintext_(tells_plaintext) {
  for (uint32_t nr = 0; nr < VEDETTE_CALLS; ++nr) hot_[nr] = inline_shape(nr, integrity).has_value();
}

void InlineCode::bind(Context& context) {
  context_ = &context;
  patcher_ = std::make_unique<InlinePatcher>(context.tasks);
}

void InlineCode::on_mapped(Task& task, const Call& call) {
  InlineImage* image = image_of(*task.space);
  if (image == nullptr) return;
  const bool is_segment = call.nr == SYS_shmat;
  const uint64_t start = call.nr == SYS_mmap || is_segment ? static_cast<uint64_t>(call.result) : call.args[0];
  const uint64_t bytes = is_segment ? Segment::bytes_of(static_cast<int>(call.args[0])).value_or(0) : call.args[1];
  const uint64_t end = start + ((bytes + 4095) & ~4095ull);
  image->code.add({start, end});
  image->forget(start, end);
  if (!maps_text(call)) return;
  std::optional<MappedFile> text = text_of(task, call, {start, end});
  if (!text) return;
  if (!text->file->hooks().empty()) inline_part(task).wanted_hooks = start;
  image->add(std::move(*text));
}

bool InlineCode::maps_text(const Call& call) {
  return call.nr == SYS_mmap && (call.args[2] & PROT_WRITE) == 0 && (call.args[3] & MAP_TYPE) == MAP_PRIVATE && (call.args[3] & MAP_ANONYMOUS) == 0;
}

std::optional<MappedFile> InlineCode::text_of(Task& task, const Call& call, MemoryRange range) {
  const auto [start, end] = range;
  if (image_of(*task.space)->files.size() >= kFilesPerImageMax) return std::nullopt;
  const int fd = static_cast<int>(call.args[4]);
  const FileFacts facts = context_->state.file_behind(static_cast<uint32_t>(task.tid.get()), fd);
  if (std::shared_ptr<PatchableFile> file = facts.ino == 0 ? nullptr : files_.guess(facts.dev, facts.ino)) {
    const std::optional<uint64_t> bias = file->bias_of(start, call.args[5]);
    if (bias) return MappedFile{.start = start, .end = end, .bias = *bias, .file = std::move(file), .is_guess = true};
  }
  char name[32];
  std::snprintf(name, sizeof name, "fd/%d", fd);
  std::shared_ptr<PatchableFile> file = files_.find(ProcPath(task.tid, name));
  const std::optional<uint64_t> bias = file ? file->bias_of(start, call.args[5]) : std::nullopt;
  if (!bias) return std::nullopt;
  return MappedFile{.start = start, .end = end, .bias = *bias, .file = std::move(file)};
}

// The file whose code an address lies in, by what was mapped; by /proc's word for what we have not seen being
// mapped.
MappedFile* InlineCode::file_of(Task& task, uint64_t address) {
  InlineImage& image = *image_of(*task.space);
  if (MappedFile* known = image.file_at(address)) {
    if (!std::exchange(known->is_guess, false) || known->file->is_mapped_at(task.memory, known->bias)) return known;
    image.forget(known->start, known->end);
  }
  std::string text;
  const std::optional<MapLine> map = map_line_at(task.tid, address, text);
  if (!map) return nullptr;
  MappedFile mapped{.start = map->start, .end = map->end};
  const bool is_text = map->rights == "r-xp" && map->inode != 0 && map->name.starts_with('/');
  const ProcPath path(task.tid, "root" + std::string(map->name));
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

// Which distance: not so near that what the program maps next wants to be there, within reach of a jump.
bool InlineCode::find_room(MappedFile& file) {
  constexpr int64_t kMega = 1 << 20;
  constexpr int64_t kDistances[] = {-1024 * kMega, -1536 * kMega, -512 * kMega, -1792 * kMega};
  constexpr int64_t kFixed[] = {VEDETTE_STUBS_FIXED};  // programs that cannot move have theirs in the guarded range
  const std::span<const int64_t> distances = file.file->image().position_independent ? std::span<const int64_t>(kDistances) : kFixed;
  if (file.rooms_tried >= distances.size()) return false;
  file.near = file.file->near(distances[file.rooms_tried]);
  return file.near != nullptr;
}

// The file's own mapping, by /proc's word.
MappedFile* InlineCode::program_of(Task& task) {
  constexpr size_t kMapsMax = 1u << 20;
  const FileFacts facts = context_->state.executable(static_cast<uint32_t>(task.tid.get()));
  std::string text;
  if (facts.ino == 0 || !read_file(ProcPath(task.tid, "maps"), text, kMapsMax)) return nullptr;
  for (std::string_view rest = text; !rest.empty();) {
    const std::optional<MapLine> map = read_map_line(take_line(rest));
    if (map && map->inode == facts.ino && map->rights == "r-xp") return file_of(task, map->start);
  }
  return nullptr;
}

// Beside the places of the stubs.
NearSegment* InlineCode::room_for_hooks(MappedFile& file) {
  constexpr int64_t kMega = 1 << 20;
  constexpr int64_t kDistances[] = {-1088 * kMega, -1600 * kMega, -576 * kMega};
  constexpr int64_t kFixed[] = {VEDETTE_HOOKS_FIXED};
  const std::span<const int64_t> distances = file.file->image().position_independent ? std::span<const int64_t>(kDistances) : kFixed;
  return file.hook_rooms_tried < distances.size() ? file.file->hooked(distances[file.hook_rooms_tried]) : nullptr;
}

MappedFile* InlineCode::wanted_hooks(Task& task, NearSegment*& hooks) {
  InlineTask& mine = inline_part(task);
  const InlineImage* const image = image_of(*task.space);
  const uint64_t address = std::exchange(mine.wanted_hooks, 0);
  const bool wants_program = std::exchange(mine.wants_program_hooks, false);
  if (image == nullptr || !image->active || mine.borrowed || mine.closed) return nullptr;
  MappedFile* const file = address != 0 ? file_of(task, address) : wants_program ? program_of(task) : nullptr;
  if (address != 0) mine.wants_program_hooks = wants_program;
  if (file == nullptr || !file->file || file->file->hooks().empty() || file->is_hooked) return nullptr;
  // Later than at once others may be in it.
  hooks = file->hook_rooms_tried == 0 || is_alone(task) ? room_for_hooks(*file) : nullptr;
  if (hooks == nullptr) count_unhooked(*file);
  return hooks == nullptr ? nullptr : file;
}

void InlineCode::take_hooks(Task& task, MappedFile& file, NearSegment* hooks) {
  if (hooks == nullptr) {
    ++file.hook_rooms_tried;
    inline_part(task).wanted_hooks = file.start;
    return;
  }
  file.hooks = hooks;
  patcher_->hook(task, file);
  count_unhooked(file);
}

// Of each function that has none.
void InlineCode::count_unhooked(const MappedFile& file) {
  const std::vector<Hook>& hooks = file.file->hooks();
  for (size_t i = 0; i < hooks.size(); ++i) {
    const bool is_there = file.is_hooked && std::ranges::any_of(file.hooks->hooks.patches, [&](const Patch& patch) { return patch.address == hooks[i].address; });
    if (!is_there) ++unhooked_[{file.file, i}];
  }
}

// The site whose syscall ends at `ending_at` and those that others have needed, or all hot ones.
std::vector<size_t> InlineCode::hot_sites(MappedFile& file, bool all, uint64_t ending_at) const {
  const std::vector<Site>& sites = file.file->sites();
  file.sites.resize(sites.size());
  std::vector<size_t> chosen;
  for (size_t i = 0; i < sites.size(); ++i) {
    const bool is_the_one = file.bias + sites[i].end() == ending_at;
    const bool is_needed = all || file.file->is_needed(i);
    if (sites[i].patchable() && (is_the_one || (is_needed && sites[i].vouched && is_worth_patching(sites[i])))) chosen.push_back(i);
  }
  return chosen;
}

// In a program with threads, all go together.
void InlineCode::patch_hot(Task& task, MappedFile& file, uint64_t ending_at) {
  patcher_->apply(task, file, hot_sites(file, !is_alone(task), ending_at));
}

void InlineCode::patch_after_boot(Task& task, MappedFile& file) {
  for (MappedFile::SiteState& state : file.sites) state.patched = false;
  file.is_answered = false;
  patch_hot(task, file, 0);
}

void InlineCode::tell_at_end(Tid tid) {
  tell_unpatched(tid);
  tell_unhooked(tid);
  files_.keep();
  for (const std::string& complaint : files_.sites().take_complaints()) context_->notice(tid, Notice::CACHE_IGNORED, "", complaint);
}

// "/lib/libc.so.6+0x29cd4: branch into the window", and how many calls trapped there; the busiest first.
void InlineCode::tell_unpatched(Tid tid) {
  std::vector<std::pair<uint64_t, std::pair<PatchableFile*, size_t>>> sites;
  for (const auto& [where, traps] : unpatched_) sites.push_back({traps, where});
  std::sort(sites.rbegin(), sites.rend());
  if (sites.size() > kToldSitesMax) sites.resize(kToldSitesMax);
  for (const auto& [traps, where] : sites) {
    const Site& site = where.first->sites()[where.second];
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%llx: ", static_cast<unsigned long long>(site.syscall));
    const std::string text = where.first->path() + offset + std::string(name_of(site.refusal));
    context_->notice(tid, Notice::UNPATCHED, "", text, static_cast<int64_t>(traps));
  }
  unpatched_.clear();
}

// "/lib/libssl.so.3 SSL_read: not movable", and how many programs had it without its hook.
void InlineCode::tell_unhooked(Tid tid) {
  for (const auto& [where, images] : unhooked_) {
    const Hook& hook = where.first->hooks()[where.second];
    const std::string text = where.first->path() + " " + std::string(hook.function->name) + ": " + std::string(name_of(hook.refusal));
    context_->notice(tid, Notice::UNPATCHED, "", text, static_cast<int64_t>(images));
  }
  unhooked_.clear();
}

}  // namespace vedette
