// SPDX-License-Identifier: Apache-2.0
// A program or library, as far as its system calls are concerned: looked at once, by whatever process maps it
// first, and remembered by what stat says of it. Headers are read at once; sites are searched, or taken from
// the cache, when the first call traps in its code; stubs are built for each distance at which they find
// room, as a segment that all processes attach.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "capture/inline/cache.h"
#include "capture/inline/ring.h"
#include "capture/inline/x86_64/hooks.h"
#include "capture/inline/x86_64/stubs.h"
#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/remote_memory.h"

namespace vedette {

// A program can set a file's mtime back, never its ctime.
struct FileKey {
  uint64_t dev = 0, ino = 0, ctime_ns = 0, mtime_ns = 0;
  auto operator<=>(const FileKey&) const = default;
};

// Stubs in a segment, ready to be attached; behind them room for those that answer for the processor, and for
// lists of patches for the boots of new images (wire/ring.h). What has been given out stays as it is.
class NearSegment {
 public:
  static constexpr size_t kAnsweringBytes = 8192;
  static constexpr size_t kListsBytes = 8192;

  Segment segment;
  StubImage stubs;
  StubImage answering;
  HookImage hooks;  // of a segment that has these instead of stubs

  // From the file's address 0 to the room for the stubs that answer.
  int64_t answering_distance() const { return stubs.distance + static_cast<int64_t>(answering_at_); }
  // Lists have their patches too, from now on. No room: nothing changes.
  void take_answering(StubImage built);
  // Where the list of these sites' patches lies in the segment; 0: it has no room for another, or they do not
  // lie in one piece of code.
  uint64_t list_of(const ElfImage& image, std::span<const size_t> sites);

 private:
  friend class PatchableFile;
  struct List {
    std::vector<size_t> sites;
    bool answers;
    uint64_t at;
  };
  std::vector<List> lists_;
  uint64_t answering_at_ = 0;
  uint64_t next_list_ = 0;
};

class PatchableFile {
 public:
  // So many calls that trapped at a site, in whatever process, make it one that the next process will need
  // too.
  static constexpr uint32_t kKnownTraps = 2;
  static constexpr unsigned kImagesBeforeAnswers = 8;
  static constexpr size_t kWholeBuildId = 16;  // a digest's length

  // `file` stays open for later looks. Nothing when it is no program of ours to understand.
  // `seeks_hooks`: also by what passes its TLS functions.
  static std::unique_ptr<PatchableFile> open(Fd file, SiteCache& cache, bool seeks_hooks = false);

  const ElfImage& image() const { return image_; }
  // What to add to the file's addresses where its bytes from `offset` on are mapped as code at `start`.
  std::optional<uint64_t> bias_of(uint64_t start, uint64_t offset) const;
  // The same for a file whose entry point was found at `entry`, if what stands in memory is it, by its
  // build-id; where it has none, by a `syscall` where any_syscall says so. The file may have been replaced
  // since it was mapped.
  std::optional<uint64_t> bias_in(RemoteMemory& memory, uint64_t entry) const;
  // Whether its build-id stands in memory where it is mapped; false when it has none.
  bool is_mapped_at(RemoteMemory& memory, uint64_t bias) const;
  // Whether its build-id in memory is proof enough that it is mapped there, whatever the kernel has mapped.
  // A short one is another file's by chance.
  bool vouches_by_build_id() const { return author_ == Author::Root && image_.build_id.size() >= kWholeBuildId; }
  // Its path as we see it; only of files that have system calls.
  std::string path() const;
  // Any `syscall` in its code, by raw bytes: for making one call, a decoder's blessing is not needed.
  std::optional<uint64_t> any_syscall() const { return any_syscall_; }

  // At a call that has trapped in its code: whether sites may be asked for. Searching much code costs as much
  // as some hundred traps, and most programs that call a library at all do so more than twice.
  bool is_worth_a_search();
  const std::vector<Site>& sites() { return analysis().sites; }
  // Index of the site whose syscall ends there.
  std::optional<size_t> site_ending_at(uint64_t address);
  // Whether others needed the site, in this run or an earlier one.
  bool is_needed(size_t site) const { return site < traps_.size() && traps_[site] >= kKnownTraps; }
  void count_trap(size_t site) {
    if (site < sites().size()) ++traps_[site];
  }
  // Which sites were needed, for the next run.
  void keep();
  // nullptr when there is nothing to place or no memory for it.
  NearSegment* near(int64_t distance);
  // What of TLS's functions it has; empty unless they were sought.
  const std::vector<Hook>& hooks() const { return hooks_.hooks; }
  // The hooks of these, for that distance; nullptr: none could be built, or there is no memory for them.
  NearSegment* hooked(int64_t distance);
  // An image is about to begin in it, with this segment of its. After kImagesBeforeAnswers its questions to
  // the processor get stubs, where asking is dear: finding them costs what the answers save in as many
  // processes.
  void count_image(NearSegment& near);

 private:
  const SiteAnalysis& analysis();

  SiteCache* cache_ = nullptr;
  Fd file_;
  size_t size_ = 0;  // when it was first looked at
  Author author_ = Author::Anybody;
  ElfImage image_;
  std::optional<uint64_t> any_syscall_;
  std::shared_ptr<const SiteAnalysis> analysis_;  // made when it is first asked for
  unsigned early_traps_ = 0;     // before that
  unsigned images_ = 0;
  std::vector<uint32_t> traps_;  // calls that trapped, a number a site
  std::map<int64_t, NearSegment> near_;
  FileHooks hooks_;
  std::map<int64_t, NearSegment> hooked_;
};

// The files met so far, as many as there may be: of more, those that no image has mapped are forgotten first.
class FileCache {
 public:
  static constexpr size_t kFilesMax = 1024;

  FileCache() = default;
  explicit FileCache(const std::string& folder, bool seeks_hooks = false);
  // By a path of ours, usually under /proc/PID. nullptr: gone, or nothing to patch, or too many are in use.
  std::shared_ptr<PatchableFile> find(PathAt path);
  // The same where the key is known already.
  std::shared_ptr<PatchableFile> find(const FileKey& key, PathAt path);
  // The newest file of that device and inode among those met; nullptr: none. A guess until its build-id has
  // been compared.
  std::shared_ptr<PatchableFile> guess(uint64_t dev, uint64_t ino) const;
  // Whether a path of ours leads to that file of those met.
  bool is_at(PathAt path, const PatchableFile& file) const;
  SiteCache& sites() { return sites_; }
  size_t size() const { return files_.size(); }
  void keep();

 private:
  struct Known {
    std::shared_ptr<PatchableFile> file;  // nullptr: nothing to patch
    uint64_t used = 0;                    // the count of uses when it was last asked for
  };
  static size_t files_max();
  bool forget_one();

  SiteCache sites_;
  bool seeks_hooks_ = false;
  std::map<FileKey, Known> files_;
  uint64_t uses_ = 0;
};

}  // namespace vedette
