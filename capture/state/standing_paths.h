// SPDX-License-Identifier: Apache-2.0
// Paths that are opened again and again, and whose meaning stands: as long as nobody has moved or removed a
// name in a path, it leads to the file to which it led before. Of these the stub does not ask which file it
// has opened (tracee/page.S), which costs as much as a tenth of an open.
//
//   shown    the stub may leave the question out. Before that, the kernel watches each name in the path (NameWatch)
//   found    a record without an answer is believed, once the kernel has said that no name has changed until after the open
//   hidden   nobody has opened it for a while. Records of earlier opens are still found
//   gone     a name has changed, or may have. A record without an answer is not believed then (opened_file.h)
//
// While a watched program's call changes names, the stub asks of every path, because the kernel tells of a
// change a moment after it has made it. Who is not watched is known by the kernel's word alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/state/text.h"
#include "capture/state/truth.h"

namespace vedette {

// What the kernel says about names. An interface for tests, which change names of their own.
class NameWatch {
 public:
  virtual ~NameWatch() = default;
  // Watches each name of an absolute path without links. False: the kernel does not tell of every change
  // there.
  virtual bool watch(const std::string& path) = 0;
  virtual void leave(const std::string& path) = 0;
  struct News {
    std::vector<std::string> changed;  // paths in which a name was moved or removed
    bool has_lost = false;             // or any of them may have been; none is watched any more
  };
  // Since the last time.
  virtual News take() = 0;
};

// What the stub sees. An interface for tests.
class StandingTable {
 public:
  virtual ~StandingTable() = default;
  // False: another path has its place.
  virtual bool show(std::string_view path) = 0;
  virtual void hide(std::string_view path) = 0;
  // The stub asks of every path.
  virtual void suspend() = 0;
  virtual void resume() = 0;
};

class StandingPaths {
 public:
  struct Standing {
    Ref<Text> real;
    FileFacts facts;
  };

  // Without these, or after the end, no path stands.
  void begin(NameWatch& watch, StandingTable& table) {
    watch_ = &watch;
    table_ = &table;
  }
  // Paths mean different files to different tasks from now on.
  void end();

  // A path that many opens have led to the same file. `heard_ns`: when the reading of these records began.
  void add(Truth& truth, uint32_t tid, uint32_t process, const std::string& path, const Standing& file, uint64_t heard_ns);
  // What it led to at an open that the stub asked nothing about; nullptr: not known. Good until the next
  // call.
  const Standing* find(Truth& truth, uint32_t tid, uint32_t process, std::string_view path, uint64_t enter_ns, uint64_t heard_ns);

  void suspend() {
    if (table_ != nullptr) table_->suspend();
  }
  // Names have changed: `all` of them may have, or those that the kernel tells of.
  void resume(bool all);
  // Whether a path was found to mean another file, since the last time.
  bool take_changed() { return std::exchange(has_changed_, false); }

 private:
  static constexpr size_t kMax = 128;
  static constexpr uint64_t kGoodForNs = 250'000'000, kUnusedNs = 2'000'000'000;

  struct Entry {
    Standing file;
    uint64_t since_ns;
    uint64_t asked_ns;  // mounts change what a path means without changing a name
    bool is_used = true;
    bool is_shown = true;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  Entries::value_type* entry_of(std::string_view path);
  void take_news(uint64_t heard_ns);
  void drop(Entries::iterator at);
  void drop_all();
  void sweep(uint64_t heard_ns);
  static bool leads_to(Truth& truth, uint32_t tid, uint32_t process, const std::string& path, const FileFacts& facts, std::string& real);

  NameWatch* watch_ = nullptr;
  StandingTable* table_ = nullptr;
  Entries entries_;
  Entries::value_type* last_ = nullptr;  // that was found; entries stay where they are until they are dropped
  uint64_t news_ns_ = 0;     // the reading for which the kernel was asked
  uint64_t dropped_ns_ = 0;  // the last one in which a path was dropped
  uint64_t swept_ns_ = 0;
  bool has_changed_ = false;
  std::string key_;
  std::string real_;
};

}  // namespace vedette
