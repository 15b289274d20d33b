// SPDX-License-Identifier: Apache-2.0
// Says which file a process runs: the SHA-256 of its executable. The host asks after a finding, because we
// alone see /proc/PID/exe. Many a process has ended by then, and its file still lies where it lay. A
// thread of its own reads the file, so neither the tracer nor the uplink waits for it, and it sleeps more
// than it works. No answer is better than a wrong one:
//
//   - the file must be the one that the host names (device, inode, ctime), a plain file of at most 64 MiB, on a
//     disk or in memory: where a program of the workload may serve it (FUSE), it would answer us, or not
//     (mount_list.h);
//   - it must be the same behind the last byte as before the first (size, mtime, ctime), and its ctime so old
//     that a change would have had another one;
//   - it must be what the process has executed. Either its ctime is a step older than the process, or the
//     process still runs it behind the last byte: then nobody could write to it (ETXTBSY).
//
// Neither proves everything. Who has mapped a file of tmpfs, or a memfd, changes it and no time of it, and
// may do so while it runs. And Linux 6.11 and 6.12 let anybody write to a file that runs. There a digest is
// of what the process runs now, and holds for no other one: the answer says so.
//
// What was hashed once on a disk is remembered by device, inode, size, mtime and ctime.
#pragma once

#include <pthread.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capture/agent/sha256.h"
#include "capture/kernel/fd.h"
#include "capture/kernel/features.h"
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
  std::string why = {};  // there is none; or, beside one, why it holds for this process alone
};

struct HashLimits {
  uint64_t bytes = 64 << 20;
  uint64_t ns = 20'000'000'000;
  uint64_t pause_ns = 40'000'000;  // behind each MiB, which takes 5 ms
  bool lets_write_to_running = false;  // the kernel does
};

// Linux 6.11 no longer refused to open a file for writing while it runs ("fs: don't block i_writecount during
// exec"); 6.13 does again.
bool lets_write_to_running(KernelVersion running);

class Hasher {
 public:
  Hasher();
  explicit Hasher(const HashLimits& limits) : limits_(limits) {}
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  // From any thread. Too many at once are answered without a look.
  void ask(HashRequest request);
  // From any thread: an answer without a look.
  void refuse(uint64_t id, const char* why);
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
  void refuse_locked(uint64_t id, const char* why);
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
