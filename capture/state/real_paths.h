// SPDX-License-Identifier: Apache-2.0
// What the kernel makes of a path, for an open that is heard of when its descriptor may be closed again (the inline tier).
// The path is looked up once more, in the thread's own root; links, `..` and magic links are followed as the open did.
//
// The second look tells what the first one meant as long as no name changed between; whoever asks says which file it should be
// (opened_file.h). Calls that change names are always traced, and at their entry every record of an earlier open is taken first (the
// tracer's part); they also end what is remembered here. Others who change names, on a volume that is shared with another container,
// are noticed after kGoodForNs, or when a file is another one than expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "capture/state/text.h"
#include "capture/state/truth.h"
#include "events.h"

namespace vedette {

// Whether the call can make a path mean another file than before.
inline bool changes_names(EventId id) {
  switch (id) {
    case EventId::rename:
    case EventId::renameat:
    case EventId::renameat2:
    case EventId::unlink:
    case EventId::unlinkat:
    case EventId::rmdir:
    case EventId::symlink:
    case EventId::symlinkat:
    case EventId::mount:
    case EventId::umount2:
    case EventId::pivot_root:
    case EventId::move_mount:
    case EventId::chroot:
    case EventId::setns:
    case EventId::unshare: return true;
    default: return false;
  }
}

class RealPaths {
 public:
  struct Found {
    Ref<Text> real;  // empty: there is no such file now
    std::optional<FileFacts> facts;
  };

  explicit RealPaths(Truth& truth) : truth_(truth) {}

  // `root`: the thread's root directory, empty for "/". `follows`: a link at the path's end, too. What is remembered of the path is not
  // used when it is another file than `expected`. The answer is good until the next call.
  const Found& find(uint32_t tid, uint32_t process, std::string_view root, std::string_view path, uint64_t now_ns,
                    bool follows = true, const FileFacts* expected = nullptr);
  // The thread's call may change a name at any time between the two. A thread that ends leaves its call.
  void begin_change(uint32_t tid, uint64_t now_ns) {
    forget(now_ns);
    changing_.insert(tid);
  }
  void end_change(uint32_t tid, uint64_t now_ns) {
    forget(now_ns);
    changing_.erase(tid);
  }
  void leave_change(uint32_t tid) { changing_.erase(tid); }
  // Whether a name may have changed since.
  bool have_changed_since(uint64_t ns) const { return !changing_.empty() || changed_ns_ >= ns; }
  // From now on tasks may have different mounts: nothing is remembered any more, and every look starts at the task's root.
  void divide() { divided_ = true; }

 private:
  static constexpr uint64_t kGoodForNs = 250'000'000;
  static constexpr size_t kKnownMax = 4096;

  struct Known {
    Found found;
    uint64_t asked_ns;
  };

  void forget(uint64_t now_ns) {
    known_.clear();
    changed_ns_ = now_ns;
  }
  void ask(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows, Found& into);

  Truth& truth_;
  TextPool texts_;
  bool divided_ = false;
  uint64_t changed_ns_ = 0;
  std::unordered_set<uint32_t> changing_;
  Found once_;
  std::unordered_map<std::string, Known> known_;
  std::string key_;
  std::string real_;
};

}  // namespace vedette
