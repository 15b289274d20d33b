// SPDX-License-Identifier: Apache-2.0
// The folders that tasks stand in or have open, by the kernel's name for each. When a folder is renamed, so
// is all that lies below it, and paths that are told relative to it begin at the new name: from the rename
// on, not before. Who asked the kernel again later would hear of later renames, too.
//
// Two tasks in one folder have one Folder. One that was removed keeps its name, as the kernel has it, and
// takes no part any more: a new folder of that name is another one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "capture/state/ref.h"
#include "capture/state/text.h"

namespace vedette {

struct Folder : Counted {
  Ref<Text> path;        // from our root
  size_t root_size = 0;  // of it, the root of those who stand there
  Ref<Text> name;        // from that root
};

class Folders {
 public:
  // What the kernel calls `name` in the root `root`; "" and "/" are ours.
  Ref<Folder> at(std::string_view root, const Ref<Text>& name);
  // One that has been removed, or of which it is not known where it begins.
  static Ref<Folder> removed(const Ref<Text>& name);
  // Whether one of that path is known, or one below it.
  bool holds(std::string_view path) const;
  // Whether one is known of whose names this is one. It may say so by mistake.
  bool may_hold_name(std::string_view name) const { return names_[place_of(name)] != 0; }

  // `from` is called `to` from now on, with all that lies below it.
  void move(std::string_view from, std::string_view to);
  void exchange(std::string_view one, std::string_view other);
  void remove(std::string_view path);
  size_t size() const { return known_.size(); }

 private:
  using Known = std::multimap<std::string_view, Ref<Folder>>;  // by its path
  static constexpr size_t kNamePlaces = 1024, kFewest = 64;

  static size_t place_of(std::string_view name);
  void count_names(std::string_view path, bool is_added);
  void keep(Ref<Folder> folder);
  Known::iterator drop(Known::iterator at);
  void sweep();
  Known take(std::string_view path);
  void put(Known taken, size_t former_size, std::string_view path);

  Known known_;  // those that only we hold are let go in time
  std::array<uint32_t, kNamePlaces> names_{};
  TextPool texts_;
  size_t sweep_at_ = kFewest;
};

}  // namespace vedette
