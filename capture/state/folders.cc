// SPDX-License-Identifier: Apache-2.0
// The known ones lie in the order of their paths. What lies below "/a" are the paths from "/a/" to "/a0",
// the next character: one range, and "/a" itself another, because "/a-b" lies between.
#include "capture/state/folders.h"

#include <functional>
#include <utility>

#include "capture/state/path.h"
#include "capture/state/process.h"

namespace vedette {
Ref<Folder> Folders::at(std::string_view root, const Ref<Text>& name) {
  if (!view(name).starts_with('/')) return name ? removed(name) : Ref<Folder>();
  if (root == "/") root = {};
  const bool is_root = view(name) == "/";
  const Ref<Text> path = root.empty() ? name : texts_.share(std::string(root).append(is_root ? std::string_view() : view(name)));
  for (auto [at, end] = known_.equal_range(view(path)); at != end; ++at) {
    if (at->second->root_size == root.size()) return at->second;
  }
  if (known_.size() >= sweep_at_) sweep();
  Ref<Folder> folder = make_ref<Folder>();
  folder->path = path;
  folder->root_size = root.size();
  folder->name = name;
  keep(folder);
  return folder;
}

Ref<Folder> Folders::removed(const Ref<Text>& name) {
  Ref<Folder> folder = make_ref<Folder>();
  folder->path = folder->name = name;
  return folder;
}

bool Folders::holds(std::string_view path) const {
  if (known_.contains(path)) return true;
  const auto at = known_.lower_bound(std::string(path) + '/');
  return at != known_.end() && is_at_or_below(at->first, path);
}

void Folders::move(std::string_view from, std::string_view to) {
  if (from == to) return;
  Known moved = take(from);
  remove(to);
  put(std::move(moved), from.size(), to);
}

void Folders::exchange(std::string_view one, std::string_view other) {
  if (is_at_or_below(one, other) || is_at_or_below(other, one)) return;  // the kernel does not
  Known first = take(one), second = take(other);
  put(std::move(first), one.size(), other);
  put(std::move(second), other.size(), one);
}

void Folders::remove(std::string_view path) { (void)take(path); }

// With all below it.
Folders::Known Folders::take(std::string_view path) {
  Known taken;
  const std::string below = std::string(path) + '/', behind = std::string(path) + char('/' + 1);
  const auto take_range = [&](Known::iterator at, Known::iterator end) {
    while (at != end) {
      taken.emplace(at->first, at->second);
      at = drop(at);
    }
  };
  take_range(known_.lower_bound(path), known_.upper_bound(path));
  take_range(known_.lower_bound(below), known_.lower_bound(behind));
  return taken;
}

void Folders::put(Known taken, size_t former_size, std::string_view path) {
  if (taken.empty()) return;
  for (auto& [_, folder] : taken) {
    folder->path = texts_.share(std::string(path).append(view(folder->path), former_size));
    // A root that lies in what was moved has a new name itself; the names in it stay.
    if (folder->root_size >= former_size) folder->root_size += path.size() - former_size;
    else folder->name = folder->root_size == 0 ? folder->path : texts_.share(view(folder->path).substr(folder->root_size));
    keep(std::move(folder));
  }
  note_change();
}

void Folders::keep(Ref<Folder> folder) {
  const std::string_view path = view(folder->path);
  count_names(path, true);
  known_.emplace(path, std::move(folder));
}

Folders::Known::iterator Folders::drop(Known::iterator at) {
  count_names(at->first, false);
  return known_.erase(at);
}

void Folders::sweep() {
  for (auto at = known_.begin(); at != known_.end();) at = at->second.shared() ? std::next(at) : drop(at);
  sweep_at_ = std::max(kFewest, 2 * known_.size());
}

size_t Folders::place_of(std::string_view name) { return std::hash<std::string_view>{}(name) % kNamePlaces; }

void Folders::count_names(std::string_view path, bool is_added) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
    path = slash == path.npos ? std::string_view() : path.substr(0, slash);
    names_[place_of(name)] += is_added ? 1u : ~0u;
  }
}

}  // namespace vedette
