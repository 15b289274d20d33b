// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/name_watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/statfs.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr uint32_t kEvents = IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW;
constexpr uint64_t kSecondNs = 1'000'000'000;

// File systems whose names this kernel alone changes, and tells of.
bool tells_all(const std::string& folder) {
  constexpr long kLocal[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC};
  struct statfs facts;
  return ::statfs(folder.c_str(), &facts) == 0 && std::find(std::begin(kLocal), std::end(kLocal), static_cast<long>(facts.f_type)) != std::end(kLocal);
}

// Calls `each(folder, name)` for each name of a path, until it returns false.
template <typename Each>
bool each_name(const std::string& path, Each each) {
  for (size_t slash = 0; slash != path.npos;) {
    const size_t next = path.find('/', slash + 1);
    if (!each(slash == 0 ? std::string("/") : path.substr(0, slash), path.substr(slash + 1, next - slash - 1))) return false;
    slash = next;
  }
  return true;
}

}  // namespace

bool InotifyNameWatch::watch(const std::string& path) {
  if (!path.starts_with('/') || monotonic_ns() < resting_until_ns_) return false;
  if (!inotify_.is_open()) inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_.is_open()) return false;
  const bool is_watched = each_name(path, [&](const std::string& folder, const std::string& name) { return watch_name(folder, name, path); });
  if (!is_watched) leave(path);
  return is_watched;
}

bool InotifyNameWatch::watch_name(const std::string& folder, const std::string& name, const std::string& path) {
  if (!folders_.contains(folder)) {
    if (folders_.size() >= kFoldersMax || !tells_all(folder)) return false;
    const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
    // One that is known by another path already (a bind mount) would be let go with that.
    if (watch < 0 || !by_watch_.try_emplace(watch, folder).second) return false;
    folders_[folder].watch = watch;
  }
  folders_[folder].names.emplace(name, path);
  return true;
}

void InotifyNameWatch::leave(const std::string& path) {
  each_name(path, [&](const std::string& folder, const std::string& name) {
    const auto at = folders_.find(folder);
    if (at == folders_.end()) return true;
    Folder& left = at->second;
    const auto [first, last] = left.names.equal_range(name);
    const auto one = std::find_if(first, last, [&](const auto& entry) { return entry.second == path; });
    if (one != last) left.names.erase(one);
    if (!left.names.empty()) return true;
    (void)::inotify_rm_watch(inotify_.get(), left.watch);
    by_watch_.erase(left.watch);
    folders_.erase(at);
    return true;
  });
}

NameWatch::News InotifyNameWatch::take() {
  News news;
  alignas(inotify_event) char buffer[4096];
  ssize_t size;
  while (inotify_.is_open() && (size = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      const auto known = by_watch_.find(event->wd);
      // The folder is gone (IN_IGNORED), or its file system.
      news.has_lost |= (event->mask & IN_Q_OVERFLOW) != 0 || (known != by_watch_.end() && (event->mask & (IN_IGNORED | IN_UNMOUNT)) != 0);
      if (known == by_watch_.end() || event->len == 0) continue;
      const auto [first, last] = folders_[known->second].names.equal_range(std::string_view(event->name));
      for (auto one = first; one != last; ++one) news.changed.push_back(one->second);
      news.has_lost |= first == last && is_too_much();
    }
  }
  if (news.has_lost) let_go();
  return news;
}

bool InotifyNameWatch::is_too_much() {
  const uint64_t now = monotonic_ns();
  if (now - second_began_ns_ > kSecondNs) second_began_ns_ = now, changes_ = 0;
  if (++changes_ <= kChangesMax) return false;
  resting_until_ns_ = now + kRestNs;
  return true;
}

void InotifyNameWatch::let_go() {
  folders_.clear();
  by_watch_.clear();
  inotify_.reset();
}

}  // namespace vedette
