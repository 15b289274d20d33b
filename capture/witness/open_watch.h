// SPDX-License-Identifier: Apache-2.0
// Watches files: the kernel reports every open of them, whichever process makes it. That is inotify's
// IN_OPEN, which needs no privilege but that of reading the file. A thread of its own waits for these
// reports, so a quiet container costs nothing. Every few seconds the thread looks whether a name means
// another file by now. It looks at once when the kernel says that a file has moved or gone.
//
// The host names the files: files, folders with everything below them, and globs. The user databases that the
// agent itself reads are left out.
#pragma once

#include <pthread.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/kernel/fd.h"

namespace vedette {

struct FileId {
  uint64_t dev = 0;
  uint64_t ino = 0;
  auto operator<=>(const FileId&) const = default;
};

struct SeenOpen {
  FileId file;
  std::string path;
  uint64_t seen_ns = 0;  // CLOCK_MONOTONIC
};

// An interface for tests, which bring opens of their own.
class OpenWatch {
 public:
  virtual ~OpenWatch() = default;
  struct News {
    std::vector<SeenOpen> opens;
    bool has_lost = false;  // there were more than anybody could keep
  };
  // Since the last time, up to now.
  virtual News take() = 0;
  // What is watched, in order. `version` changes with it, and is cheap to ask.
  virtual uint32_t version() const = 0;
  virtual std::vector<FileId> files() const = 0;
  // Whether there is news, or somebody waits.
  virtual bool is_due() const = 0;
  // Whether there is to be a wake now and then, though there is no news.
  virtual void keep_waking(bool does) = 0;
};

class InotifyOpenWatch final : public OpenWatch {
 public:
  static constexpr size_t kFilesMax = 512;
  static constexpr size_t kSeenMax = 1024;

  // From any thread, also before the start.
  void watch(std::vector<std::string> paths);
  // What has been named by now is watched from here on. Sends this thread the signal when there is something
  // to look at, again and again until it has.
  void start(int wake_signal);

  News take() override;
  uint32_t version() const override { return version_.load(std::memory_order_acquire); }
  std::vector<FileId> files() const override;
  bool is_due() const override { return has_news_.load(std::memory_order_relaxed) || keeps_waking_.load(std::memory_order_relaxed); }
  void keep_waking(bool does) override { keeps_waking_.store(does, std::memory_order_relaxed); }

 private:
  struct Named {
    FileId file;
    std::string path;
  };

  static void* thread_main(void* self);
  void run();
  void refresh();
  void read_events();
  void see(const std::vector<Named>& named);

  Fd inotify_;
  Fd told_;  // an eventfd: there are other paths
  pid_t reader_ = 0;
  int wake_signal_ = 0;
  pthread_t thread_{};
  std::atomic<bool> has_news_{false};
  std::atomic<bool> keeps_waking_{false};
  std::atomic<uint32_t> version_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> paths_;
  std::unordered_map<int, Named> watches_;  // by inotify's number
  bool has_moved_ = false;  // a file has moved or gone, or its names have changed
  std::vector<FileId> files_;
  News news_;
};

}  // namespace vedette
