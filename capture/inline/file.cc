// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "capture/inline/bytes.h"
#include "capture/kernel/arch.h"

namespace vedette {
namespace {

constexpr uint64_t kPage = 4096;

uint64_t in_ns(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

uint64_t whole_lines(uint64_t bytes) { return (bytes + 63) & ~uint64_t{63}; }

FileKey key_from(const struct stat& facts) { return {facts.st_dev, facts.st_ino, in_ns(facts.st_ctim), in_ns(facts.st_mtim)}; }

FileKey key_of(int file) {
  struct stat facts;
  return ::fstat(file, &facts) == 0 ? key_from(facts) : FileKey();
}

std::optional<uint64_t> find_any_syscall(FileView file, const ElfImage& image) {
  for (const CodeSegment& segment : image.code) {
    const uint8_t* begin = file.data() + segment.offset;
    const uint8_t* end = begin + segment.size;
    const uint8_t* found = std::search(begin, end, std::begin(kSyscallCode), std::end(kSyscallCode));
    if (found != end) return segment.address + static_cast<uint64_t>(found - begin);
  }
  return {};
}

}  // namespace

std::unique_ptr<PatchableFile> PatchableFile::open(Fd file, SiteCache& cache, bool seeks_hooks) {
  const std::optional<size_t> size = FileBytes::size_of(file.get());
  if (!size) return nullptr;
  const FileBytes mapped(file.get(), *size);
  std::optional<ElfImage> image = parse_elf(mapped.view(), false);
  if (!image || image->code.empty()) return nullptr;
  auto opened = std::make_unique<PatchableFile>();
  opened->cache_ = &cache;
  opened->size_ = *size;
  opened->author_ = author_of(file.get());
  opened->any_syscall_ = find_any_syscall(mapped.view(), *image);
  if (seeks_hooks) opened->hooks_ = find_hooks(mapped.view(), *image);
  const bool is_to_be_read_again = opened->any_syscall_ || !opened->hooks_.hooks.empty();
  if (is_to_be_read_again) opened->file_ = std::move(file);  // nothing to look for in the others
  opened->image_ = std::move(*image);
  return opened;
}

std::string PatchableFile::path() const {
  std::string path;
  return read_link(ProcPath("self/fd/" + std::to_string(file_.get())), path) ? path : std::string();
}

std::optional<uint64_t> PatchableFile::bias_of(uint64_t start, uint64_t offset) const {
  constexpr uint64_t kPageMask = ~4095ull;
  for (const CodeSegment& segment : image_.code) {
    if (offset >= (segment.offset & kPageMask) && offset < segment.offset + segment.size) {
      return start - (segment.address - segment.offset + offset);
    }
  }
  return {};
}

std::optional<uint64_t> PatchableFile::bias_in(RemoteMemory& memory, uint64_t entry) const {
  const uint64_t bias = entry - image_.entry;
  if (!any_syscall_ || bias % kPage != 0 || (!image_.position_independent && bias != 0)) return {};
  if (!image_.build_id.empty()) return is_mapped_at(memory, bias) ? std::optional(bias) : std::nullopt;
  uint8_t call[kSyscallBytes] = {};
  const bool is_there = memory.read(bias + *any_syscall_, call, sizeof call) == sizeof call;
  if (!is_there || !std::equal(std::begin(call), std::end(call), std::begin(kSyscallCode))) return {};
  return bias;
}

bool PatchableFile::is_mapped_at(RemoteMemory& memory, uint64_t bias) const {
  std::string id(image_.build_id.size(), '\0');
  if (id.empty() || memory.read(bias + image_.build_id_at, id.data(), id.size()) != id.size()) return false;
  return id == image_.build_id;
}

bool PatchableFile::is_worth_a_search() {
  constexpr uint64_t kMuch = 256u << 10;
  constexpr unsigned kEarlyMax = 2;
  uint64_t bytes = 0;
  for (const CodeSegment& segment : image_.code) bytes += segment.size;
  return analysis_ || bytes < kMuch || cache_->has_folder() || ++early_traps_ > kEarlyMax;
}

const SiteAnalysis& PatchableFile::analysis() {
  if (analysis_) return *analysis_;
  if (any_syscall_) {
    const FileBytes mapped(file_.get(), size_);
    analysis_ = cache_->find(mapped.view(), image_, author_);
  } else {
    analysis_ = std::make_shared<const SiteAnalysis>();
  }
  traps_.resize(analysis_->sites.size());
  for (size_t i = 0; i < traps_.size(); ++i) traps_[i] = analysis_->needed[i] != 0 ? kKnownTraps : 0;
  return *analysis_;
}

void PatchableFile::keep() {
  if (!analysis_ || traps_.empty()) return;
  std::vector<uint8_t> needed(traps_.size());
  for (size_t i = 0; i < needed.size(); ++i) needed[i] = is_needed(i);
  cache_->keep(image_, author_, *analysis_, std::move(needed));
}

std::optional<size_t> PatchableFile::site_ending_at(uint64_t address) {
  const std::vector<Site>& all = sites();
  const auto found = std::lower_bound(all.begin(), all.end(), address, [](const Site& site, uint64_t wanted) { return site.end() < wanted; });
  if (found == all.end() || found->end() != address) return {};
  return static_cast<size_t>(found - all.begin());
}

void NearSegment::take_answering(StubImage built) {
  if (built.code.size() > kAnsweringBytes) return;
  memcpy(segment.base() + answering_at_, built.code.data(), built.code.size());
  answering = std::move(built);
  answering.code = {};
}

uint64_t NearSegment::list_of(const ElfImage& image, std::span<const size_t> sites) {
  const bool answers = !answering.stubs.empty();
  const auto known = std::find_if(lists_.begin(), lists_.end(), [sites, answers](const List& list) {
    return list.answers == answers && std::ranges::equal(list.sites, sites);
  });
  if (known != lists_.end()) return known->at;
  std::vector<const Patch*> patches;
  for (const size_t site : sites) {
    for (const Patch& patch : stubs.stubs[site].patches) patches.push_back(&patch);
  }
  for (const SiteStub& stub : answering.stubs) {
    for (const Patch& patch : stub.patches) patches.push_back(&patch);
  }
  const auto code = std::find_if(image.code.begin(), image.code.end(), [&patches](const CodeSegment& one) {
    return std::ranges::all_of(patches, [&one](const Patch* patch) { return patch->address - one.address < one.size; });
  });
  const size_t bytes = VEDETTE_PATCHES_FIRST + patches.size() * VEDETTE_PATCH_BYTES;
  if (patches.empty() || code == image.code.end() || next_list_ + bytes > segment.bytes()) return 0;

  const uint64_t at = std::exchange(next_list_, next_list_ + bytes);
  const auto from_segment = [this](uint64_t address) { return address - static_cast<uint64_t>(stubs.distance); };
  const auto put = [this, at](uint64_t offset, uint64_t word) { memcpy(segment.base() + at + offset, &word, sizeof word); };
  const uint64_t start = code->address & ~(kPage - 1), end = (code->address + code->size + kPage - 1) & ~(kPage - 1);
  put(VEDETTE_PATCHES_START, from_segment(start));
  put(VEDETTE_PATCHES_BYTES, end - start);
  put(VEDETTE_PATCHES_COUNT, patches.size());
  uint64_t place = VEDETTE_PATCHES_FIRST;
  for (const Patch* patch : patches) {
    static_assert(VEDETTE_PATCH_CODE + Patch::kMax <= VEDETTE_PATCH_BYTES);
    put(place, from_segment(patch->address));
    put(place + VEDETTE_PATCH_SIZE, patch->size);
    memcpy(segment.base() + at + place + VEDETTE_PATCH_CODE, patch->after.data(), patch->size);
    place += VEDETTE_PATCH_BYTES;
  }
  lists_.push_back({{sites.begin(), sites.end()}, answers, at});
  return at;
}

void PatchableFile::count_image(NearSegment& near) {
  if (++images_ != kImagesBeforeAnswers || !cpuid_is_dear()) return;
  const FileBytes mapped(file_.get(), size_);
  const std::optional<ElfImage> whole = parse_elf(mapped.view(), true);
  if (!whole) return;
  const std::vector<Site> questions = find_sites(mapped.view(), *whole, Sought::Cpuid);
  if (questions.empty()) return;
  static const std::vector<CpuidAnswer> answers = cpuid_answers();
  near.take_answering(build_answering(mapped.view(), image_, questions, answers, near.answering_distance()));
}

NearSegment* PatchableFile::near(int64_t distance) {
  const auto [place, is_new] = near_.try_emplace(distance);
  NearSegment& near = place->second;
  if (is_new) {
    const FileBytes mapped(file_.get(), size_);
    near.stubs = build_stubs(mapped.view(), image_, sites(), distance);
    near.answering_at_ = whole_lines(near.stubs.code.size());
    near.next_list_ = near.answering_at_ + NearSegment::kAnsweringBytes;
    if (!near.stubs.code.empty()) near.segment = Segment::create(near.next_list_ + NearSegment::kListsBytes, Segment::Use::Code);
    if (near.segment.is_open()) memcpy(near.segment.base(), near.stubs.code.data(), near.stubs.code.size());
    near.stubs.code = {};
  }
  return near.segment.is_open() ? &near : nullptr;
}

// Of a file that was cut since then there may be less.
NearSegment* PatchableFile::hooked(int64_t distance) {
  const auto [place, is_new] = hooked_.try_emplace(distance);
  NearSegment& near = place->second;
  if (is_new) {
    const FileBytes mapped(file_.get(), size_);
    near.hooks = build_hooks(mapped.view(), image_, hooks_, distance);
    near.stubs.distance = distance;
    if (!near.hooks.patches.empty()) near.segment = Segment::create(near.hooks.code.size(), Segment::Use::Code);
    if (near.segment.is_open()) memcpy(near.segment.base(), near.hooks.code.data(), near.hooks.code.size());
    near.hooks.code = {};
  }
  return near.segment.is_open() ? &near : nullptr;
}

FileCache::FileCache(const std::string& folder, bool seeks_hooks)
    : sites_(folder.empty() ? SiteCache() : SiteCache(folder)), seeks_hooks_(seeks_hooks) {}

std::shared_ptr<PatchableFile> FileCache::find(PathAt path) {
  struct stat facts;
  if (!stat_at(path, facts) || !S_ISREG(facts.st_mode)) return nullptr;
  return find(key_from(facts), path);
}

// Not blocking: what was a file a moment ago may be a FIFO by now.
std::shared_ptr<PatchableFile> FileCache::find(const FileKey& key, PathAt path) {
  if (const auto known = files_.find(key); known != files_.end()) {
    known->second.used = ++uses_;
    return known->second.file;
  }
  if (files_.size() >= files_max() && !forget_one()) return nullptr;
  Fd file = open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file.is_open() && (errno == EMFILE || errno == ENFILE)) return nullptr;  // not the file's fault: it is looked at another time
  if (file.is_open() && key_of(file.get()) != key) return nullptr;  // its name leads to another by now
  Known& place = files_[key];
  place.used = ++uses_;
  if (file.is_open()) place.file = PatchableFile::open(std::move(file), sites_, seeks_hooks_);
  return place.file;
}

// Each may keep a descriptor.
size_t FileCache::files_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFilesMax;
  return std::min<size_t>(kFilesMax, limit.rlim_cur / 2);
}

// The one that was asked for longest ago, among those that no image has mapped.
bool FileCache::forget_one() {
  auto oldest = files_.end();
  for (auto at = files_.begin(); at != files_.end(); ++at) {
    if (at->second.file.use_count() > 1) continue;
    if (oldest == files_.end() || at->second.used < oldest->second.used) oldest = at;
  }
  if (oldest == files_.end()) return false;
  if (oldest->second.file) oldest->second.file->keep();
  files_.erase(oldest);
  return true;
}

void FileCache::keep() {
  for (const auto& [key, known] : files_) {
    if (known.file) known.file->keep();
  }
}

std::shared_ptr<PatchableFile> FileCache::guess(uint64_t dev, uint64_t ino) const {
  const auto after = files_.upper_bound(FileKey{dev, ino, ~0ull, ~0ull});
  if (after == files_.begin()) return nullptr;
  const auto& [key, known] = *std::prev(after);
  return key.dev == dev && key.ino == ino ? known.file : nullptr;
}

bool FileCache::is_at(PathAt path, const PatchableFile& file) const {
  struct stat facts;
  return stat_at(path, facts) && guess(facts.st_dev, facts.st_ino).get() == &file;
}

}  // namespace vedette
