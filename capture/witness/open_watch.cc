// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/open_watch.h"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "capture/kernel/clock.h"

namespace vedette {
namespace {

constexpr int kRefreshMs = 5000;  // a name may mean another file by then
constexpr int kRepeatMs = 20;     // a wake that comes just before its wait begins is lost
constexpr int kDepthMax = 4;      // folders in folders
constexpr uint32_t kEvents = IN_OPEN | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
constexpr std::string_view kReadByUs[] = {"/etc/passwd", "/etc/group"};

// Paths that a pattern stands for; of a name that is not there, none.
std::vector<std::string> expand(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t all{};
  if (::glob(pattern.c_str(), GLOB_NOSORT | GLOB_PERIOD, nullptr, &all) == 0) paths.assign(all.gl_pathv, all.gl_pathv + all.gl_pathc);
  ::globfree(&all);
  return paths;
}

bool is_dots(const std::string& path) { return path.ends_with("/.") || path.ends_with("/.."); }

// Regular files that the pattern means, those below its folders among them.
template <typename Each>
void each_file(const std::string& pattern, int depth, Each each) {
  for (const std::string& path : expand(pattern)) {
    struct stat facts;
    if (is_dots(path) || ::stat(path.c_str(), &facts) != 0) continue;
    if (S_ISREG(facts.st_mode)) each(path, FileId{facts.st_dev, facts.st_ino});
    if (S_ISDIR(facts.st_mode) && depth > 0) each_file(path + "/*", depth - 1, each);
  }
}

}  // namespace

void InotifyOpenWatch::watch(std::vector<std::string> paths) {
  const std::lock_guard lock(mutex_);
  paths_ = std::move(paths);
  if (told_.is_open()) (void)::eventfd_write(told_.get(), 1);
}

void InotifyOpenWatch::start(int wake_signal) {
  wake_signal_ = wake_signal;
  reader_ = static_cast<pid_t>(::syscall(SYS_gettid));
  inotify_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  Fd told(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!inotify_.is_open() || !told.is_open()) return;
  {
    const std::lock_guard lock(mutex_);
    told_ = std::move(told);
  }
  refresh();
  (void)::pthread_create(&thread_, nullptr, thread_main, this);
}

OpenWatch::News InotifyOpenWatch::take() {
  const std::lock_guard lock(mutex_);
  read_events();
  has_news_.store(false, std::memory_order_relaxed);
  return std::exchange(news_, {});
}

std::vector<FileId> InotifyOpenWatch::files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

void* InotifyOpenWatch::thread_main(void* self) {
  static_cast<InotifyOpenWatch*>(self)->run();
  return nullptr;
}

void InotifyOpenWatch::run() {
  for (uint64_t refreshed_ns = 0;;) {
    pollfd waiting[] = {{inotify_.get(), POLLIN, 0}, {told_.get(), POLLIN, 0}};
    (void)::poll(waiting, std::size(waiting), is_due() ? kRepeatMs : kRefreshMs);
    eventfd_t told = 0;
    bool is_other = ::eventfd_read(told_.get(), &told) == 0;
    {
      const std::lock_guard lock(mutex_);
      read_events();
      is_other |= std::exchange(has_moved_, false);
    }
    const uint64_t now_ns = monotonic_ns();
    if (is_other || now_ns - refreshed_ns >= kRefreshMs * 1'000'000ull) {
      refresh();
      refreshed_ns = now_ns;
    }
    if (is_due()) (void)::syscall(SYS_tgkill, ::getpid(), reader_, wake_signal_);
  }
}

// A file's number is known to who counts before the kernel tells of its opens.
void InotifyOpenWatch::refresh() {
  std::vector<std::string> paths;
  {
    const std::lock_guard lock(mutex_);
    paths = paths_;
  }
  std::vector<Named> named;
  for (const std::string& pattern : paths) {
    each_file(pattern, kDepthMax, [&named](const std::string& path, FileId file) {
      const bool is_ours = std::find(std::begin(kReadByUs), std::end(kReadByUs), path) != std::end(kReadByUs);
      if (!is_ours && named.size() < kFilesMax) named.push_back({file, path});
    });
  }
  see(named);
  const std::lock_guard lock(mutex_);
  std::unordered_map<int, Named> watches;
  for (Named& one : named) {
    const int watch = ::inotify_add_watch(inotify_.get(), one.path.c_str(), kEvents);
    if (watch >= 0) watches.insert_or_assign(watch, std::move(one));
  }
  for (const auto& [watch, one] : watches_) {
    if (!watches.contains(watch)) (void)::inotify_rm_watch(inotify_.get(), watch);
  }
  watches_ = std::move(watches);
}

void InotifyOpenWatch::see(const std::vector<Named>& named) {
  std::vector<FileId> files;
  for (const Named& one : named) files.push_back(one.file);
  std::sort(files.begin(), files.end());
  const std::lock_guard lock(mutex_);
  if (files == files_) return;
  files_ = std::move(files);
  version_.fetch_add(1, std::memory_order_release);
}

// With the lock held.
void InotifyOpenWatch::read_events() {
  alignas(inotify_event) char buffer[4096];
  ssize_t size;
  while ((size = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    const uint64_t now_ns = monotonic_ns();
    for (ssize_t at = 0; at < size;) {
      const auto* const event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof *event + event->len);
      has_moved_ |= (event->mask & (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)) != 0;
      const bool was_full = (event->mask & IN_Q_OVERFLOW) != 0;
      const auto watched = (event->mask & IN_OPEN) != 0 ? watches_.find(event->wd) : watches_.end();
      if (watched == watches_.end() && !was_full) continue;
      if (was_full || news_.opens.size() == kSeenMax) {
        news_.has_lost = true;
      } else {
        news_.opens.push_back({watched->second.file, watched->second.path, now_ns});
      }
      has_news_.store(true, std::memory_order_relaxed);
    }
  }
}

}  // namespace vedette
