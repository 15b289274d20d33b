// SPDX-License-Identifier: Apache-2.0
// What the kernel makes of a path, for an open that is heard of when its descriptor may be closed again (the
// inline tier). The path is looked up once more, in the thread's own root; links, `..` and magic links are
// followed as the open did.
//
// The second look tells what the first one meant as long as no name changed between; whoever asks says
// which file it should be (opened_file.h). At the entry of a call that changes names, every record of an
// earlier open is taken first (the tracer's part), and what is remembered here ends. Where such calls do
// not stop, because there are many, the names are said to move: then each open's record says what the
// kernel called its file (inline/name_moves.h), and no path stands. Others who change names, on a volume
// that is shared with another container, are noticed after kGoodForNs, or when a file is another one than
// expected.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "capture/state/standing_paths.h"
#include "capture/state/text.h"
#include "capture/state/truth.h"
#include "events.h"

namespace vedette {

// Whether the call can make a path mean another file than before.
constexpr bool changes_names(EventId id) {
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

// Whether it can do so without moving or removing a name.
constexpr bool changes_mounts(EventId id) {
  return id == EventId::mount || id == EventId::umount2 || id == EventId::pivot_root || id == EventId::move_mount;
}

// Whether what stands at /proc may be another thing afterwards, for some.
constexpr bool changes_roots(EventId id) {
  return changes_mounts(id) || id == EventId::chroot || id == EventId::setns || id == EventId::unshare;
}

class RealPaths {
 public:
  struct Found {
    Ref<Text> real;  // empty: there is no such file now
    std::optional<FileFacts> facts;
  };

  explicit RealPaths(Truth& truth) : truth_(truth) {}

  // `root`: the thread's root directory, empty for "/". `follows`: a link at the path's end, too. What is
  // remembered of the path is not used when it is another file than `expected`. The answer is good until the
  // next call. `heard_ns`: of an open whose record is being read, when that reading began; a path that is
  // asked for often enough stands from then on.
  const Found& find(uint32_t tid, uint32_t process, std::string_view root, std::string_view path, uint64_t now_ns,
                    bool follows = true, const FileFacts* expected = nullptr, uint64_t heard_ns = 0);
  // Of a path as passed that stood, so that the stub asked nothing; nullptr: it does not stand.
  const StandingPaths::Standing* standing(uint32_t tid, uint32_t process, std::string_view path, uint64_t enter_ns, uint64_t heard_ns);
  void begin_standing(NameWatch& watch, StandingTable& table) { standing_.begin(watch, table); }
  // Some tasks have another root or other mounts.
  void end_standing() {
    standing_.end();
    end_moving();
  }
  // From now on no path is believed that a program was told of by its own /proc.
  void end_moving() { may_move_ = false; }
  // The thread's call may change a name at any time between the two. A thread that ends leaves its call.
  void begin_change(uint32_t tid, EventId id, uint64_t now_ns) {
    forget(now_ns);
    changing_.insert(tid);
    has_changed_mounts_ |= changes_mounts(id);
    standing_.suspend();
  }
  void end_change(uint32_t tid, uint64_t now_ns) {
    forget(now_ns);
    leave_change(tid);
  }
  void leave_change(uint32_t tid) {
    if (changing_.erase(tid) != 0) settle();
  }
  // Paths stand again, unless a call is changing names.
  void settle() {
    if (changing_.empty() && !moving_) standing_.resume(std::exchange(has_changed_mounts_, false));
  }
  // A name has changed by now.
  void note_change(uint64_t now_ns) { forget(now_ns); }
  // Names may change at any time until it is said that they do not.
  void let_move(bool may) {
    moving_ = may;
    if (may) return standing_.suspend();
    known_.clear();
    folders_.clear();
    settle();
  }
  bool may_move() const { return may_move_; }
  bool is_divided() const { return divided_; }
  // Whether a name may have changed since.
  bool have_changed_since(uint64_t ns) const { return moving_ || !changing_.empty() || changed_ns_ >= ns; }
  // From now on tasks may have different mounts: nothing is remembered any more, and every look starts at the
  // task's root.
  void divide() {
    divided_ = true;
    end_standing();
  }

 private:
  static constexpr uint64_t kGoodForNs = 250'000'000;
  static constexpr size_t kKnownMax = 4096;
  static constexpr uint32_t kOften = 16;  // in that time

  struct Known {
    Found found;
    uint64_t asked_ns;
    uint32_t times = 0;  // since then
  };

  // Where a folder leads that several paths were asked of.
  struct Folder {
    std::string real;  // empty: nowhere
    uint64_t asked_ns = 0;
    bool is_asked = false;
  };

  void forget(uint64_t now_ns) {
    known_.clear();
    folders_.clear();
    changed_ns_ = std::max(changed_ns_, now_ns);
  }
  bool look_in_folder(uint32_t tid, uint32_t process, std::string_view path, uint64_t now_ns, const FileFacts* expected, Found& into);
  void ask(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows, Found& into);

  Truth& truth_;
  TextPool texts_;
  StandingPaths standing_;
  bool divided_ = false;
  bool has_changed_mounts_ = false;
  bool moving_ = false;
  bool may_move_ = true;
  uint64_t changed_ns_ = 0;
  std::unordered_set<uint32_t> changing_;
  Found once_;
  std::unordered_map<std::string, Known> known_;
  std::unordered_map<std::string, Folder> folders_;
  std::string key_;
  std::string folder_key_;
  std::string real_;
};

}  // namespace vedette
