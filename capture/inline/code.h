// SPDX-License-Identifier: Apache-2.0
// Which files are mapped where in an image, and which of their sites are patched: the one place that knows
// files, searches and patches.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "capture/inline/task.h"
#include "capture/inline/x86_64/patch.h"
#include "capture/tracer/context.h"

namespace vedette {

class InlineCode {
 public:
  // `cache_folder`: where decisions about sites are kept for the next run; empty: nowhere.
  // `tells_plaintext`: hooks go before the functions of TLS libraries.
  InlineCode(Integrity integrity, const std::string& cache_folder, bool tells_plaintext);
  void bind(Context& context);

  FileCache& files() { return files_; }
  InlinePatcher& patcher() { return *patcher_; }
  // Whether calls of this number are recorded inline.
  bool is_hot(uint32_t nr) const { return nr < VEDETTE_CALLS && hot_[nr]; }

  // mmap, mprotect or shmat has made memory executable.
  void on_mapped(Task& task, const Call& call);
  // Whether a call maps a file's code, that nobody can write to.
  static bool maps_text(const Call& call);
  // What such a call maps, or is about to, there. Nothing: no file that could be patched.
  std::optional<MappedFile> text_of(Task& task, const Call& call, MemoryRange range);
  MappedFile* file_of(Task& task, uint64_t address);
  // Whether there is room for its stubs; the next distance is to be tried when there turns out to be none.
  bool find_room(MappedFile& file);

  std::vector<size_t> hot_sites(MappedFile& file, bool all, uint64_t ending_at) const;
  void patch_hot(Task& task, MappedFile& file, uint64_t ending_at);
  // The boot was to patch this file, and could not.
  void patch_after_boot(Task& task, MappedFile& file);

  bool tells_plaintext() const { return tells_plaintext_; }
  // The file whose hooks the thread wants, and their segment; nullptr: nothing is to be done.
  MappedFile* wanted_hooks(Task& task, NearSegment*& hooks);
  // It was attached, or could not be (nullptr).
  void take_hooks(Task& task, MappedFile& file, NearSegment* hooks);

  // A call trapped at a site that stays traced.
  void count_unpatched(PatchableFile& file, size_t site) { ++unpatched_[{&file, site}]; }
  // The workload's first process ends.
  void tell_at_end(Tid tid);

 private:
  bool is_worth_patching(const Site& site) const { return site.nr == Site::kAnyNumber || is_hot(site.nr); }
  void tell_unpatched(Tid tid);
  void tell_unhooked(Tid tid);
  NearSegment* room_for_hooks(MappedFile& file);
  MappedFile* program_of(Task& task);
  void count_unhooked(const MappedFile& file);

  Context* context_ = nullptr;
  bool hot_[VEDETTE_CALLS] = {};
  FileCache files_;
  std::unique_ptr<InlinePatcher> patcher_;
  std::map<std::pair<PatchableFile*, size_t>, uint64_t> unpatched_;
  bool tells_plaintext_;
  std::map<std::pair<std::shared_ptr<PatchableFile>, size_t>, uint64_t> unhooked_;  // images, by file and function
};

}  // namespace vedette
