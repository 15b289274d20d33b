// SPDX-License-Identifier: Apache-2.0
// Says which file a process runs: the SHA-256 of its executable. The host asks after a finding, because we
// alone see /proc/PID/exe. Many a process has ended by then, and its file still lies where it lay. A
// thread of its own reads the file, so neither the tracer nor the uplink waits for it, and it sleeps more
// than it works. No answer is better than a wrong one:
//
//   - the file must be the one that the host names (device, inode), a plain file of at most 64 MiB, and not
//     of FUSE, where a program of the workload would answer us, or not;
//   - it must be the same behind the last byte as before the first (size, mtime, ctime);
//   - it must be what the process has executed: while a process runs a file, the kernel lets nobody write to
//     it (ETXTBSY). So either the process still runs it behind the last byte, or the file has not changed
//     since a tick before the process began.
//
// What was hashed once is remembered by device, inode, size, mtime and ctime.
#pragma once

#include <pthread.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/agent/sha256.h"
#include "capture/kernel/fd.h"
#include "capture/kernel/tid.h"

namespace vedette {

// Which executable of which process; times are in ns since the epoch, as records told them.
struct HashRequest {
  uint64_t id = 0;
  Tid process;
  uint64_t start_ns = 0;
  uint64_t dev = 0, ino = 0, ctime_ns = 0;
  std::string path = {};  // what the kernel called the file when it was executed
};

struct HashAnswer {
  uint64_t id = 0;
  std::optional<Sha256::Digest> digest;
  std::string why = {};  // there is none
};

struct HashLimits {
  uint64_t bytes = 64 << 20;
  uint64_t ns = 20'000'000'000;
  uint64_t pause_ns = 40'000'000;  // behind each MiB, which takes 5 ms
};

// Of a list of mounts (proc_pid_mountinfo(5)): whether a program serves this device, or lies on the way of
// this path, if there is one. Also where that is not sure: a name in the list is written in octal.
bool is_served_by_program(std::string_view mounts, uint64_t dev, std::string_view path);

class Hasher {
 public:
  Hasher() = default;
  explicit Hasher(const HashLimits& limits) : limits_(limits) {}
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  // From any thread. Too many at once are answered without a look.
  void ask(HashRequest request);
  std::vector<HashAnswer> take_answers();
  // A connection begins: what the one before has asked is answered to nobody.
  void greet();

  // At once, on the caller's thread: what the thread does.
  HashAnswer look(const HashRequest& request);

 private:
  using Key = std::array<uint64_t, 5>;

  static void* thread_main(void* self);
  void run();
  void start();
  std::optional<Sha256::Digest> read(const Fd& file, uint64_t size, std::string& why) const;

  const HashLimits limits_;
  std::map<Key, Sha256::Digest> known_;  // the thread's
  std::mutex mutex_;
  std::condition_variable asked_;
  std::vector<HashRequest> requests_;
  std::vector<HashAnswer> answers_;
  uint64_t asker_ = 0;
  bool is_started_ = false, is_closing_ = false;
  pthread_t thread_{};
};

}  // namespace vedette
