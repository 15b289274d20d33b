// SPDX-License-Identifier: Apache-2.0
// Holds what was recorded of a thread's input and output against what the kernel counted. A program that makes calls through
// our gates and skips their records, or records calls that it never made, is believed by the inline tier; it cannot
// change the kernel's count of bytes.
//
//   recorded   sum of the results of read, write, sendfile, copy_file_range and their kin, of both tiers
//   counted    the kernel's, since the thread's birth or its last exec
//   allowed    what the kernel may have counted besides: it reads the headers of a file that it then refuses to execute;
//              before Linux 5.15 a splice to a file without splice_write counted as a write too
//
// recorded <= counted <= recorded + allowed, whenever the thread stands still and its ring is empty: at its end, and at exec,
// where what the kernel has read of the new image is set apart. A thread that runs is looked at now and then: nothing can be
// recorded that is not counted yet; and what was counted two looks ago is on record now if the count has moved since,
// because a record comes before the next call. What a look finds too much on record must be so at the next one too: a thread that
// executes a program takes its leader's number a moment before we hear of it. Calls that move no bytes, and sockets' send and recv, are not counted by the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "capture/decode/event.h"
#include "capture/witness/io_bytes.h"

namespace vedette {

class IoWitness {
 public:
  // How often one thread is looked at while it runs, and how many are at a time: a look reads one file of /proc.
  static constexpr uint64_t kLookEveryNs = 1'000'000'000;
  static constexpr size_t kLooksMax = 64;

  // What does not agree, as a sentence, and by how many bytes.
  struct Mismatch {
    uint32_t tid = 0;
    std::string text;
    int64_t bytes = 0;
  };

  explicit IoWitness(KernelIo& kernel) : kernel_(kernel) {}

  // An event on its way to the host; those that are no input or output pass.
  void count(const Event& event);

  // Only threads whose birth or exec was seen are judged: of others nobody knows where the kernel's count stood.
  // `parent`: its parent's process, for a thread its own.
  void on_birth(uint32_t tid, uint32_t process, uint32_t parent);
  // `former`: the thread's own number before the exec gave it the leader's.
  std::optional<Mismatch> on_exec(uint32_t tid, uint32_t former);
  // About to end, with everything it did on record.
  std::optional<Mismatch> on_exiting(uint32_t tid);
  void on_end(uint32_t tid);
  // After all rings have been drained. At most one mismatch a call; of each thread one in its life.
  std::optional<Mismatch> look(uint64_t now_ns);

 private:
  struct Thread {
    IoBytes recorded = {};
    IoBytes allowed = {};
    IoBytes base = {};       // the kernel's count when ours was 0
    IoBytes seen[2] = {};    // since base: at the last look, and at the one before it
    IoScope scope = IoScope::Process;  // Thread once the process has had another, or a child
    bool doubted = false;    // the last look found more on record than counted
    bool told = false;
  };

  Thread* find(uint32_t tid);
  std::optional<Mismatch> judge(uint32_t tid, Thread& thread, IoBytes counted);
  std::optional<Mismatch> tell(uint32_t tid, Thread& thread, const char* what, uint64_t counted, uint64_t recorded);
  std::optional<Mismatch> look_at(uint32_t tid, Thread& thread);

  KernelIo& kernel_;
  std::unordered_map<uint32_t, Thread> threads_;
  uint32_t latest_tid_ = 0;
  Thread* latest_ = nullptr;  // events come in runs of one thread's
  uint64_t next_look_ns_ = 0;
  size_t next_bucket_ = 0;
};

}  // namespace vedette
