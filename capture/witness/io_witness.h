// SPDX-License-Identifier: Apache-2.0
// Holds what was recorded of a thread's input and output against what the kernel counted. A program that
// makes calls through our gates and skips their records, or records calls that it never made, is believed by
// the inline tier; it cannot change the kernel's count of bytes and calls.
//
//   recorded   sum of the results of read, write, sendfile, copy_file_range and their kin, of both tiers; and how many of them moved bytes
//   counted    the kernel's, since the thread's birth or its last exec
//   allowed    what the kernel may have counted besides: calls that moved nothing count or not, by how early they failed; a call that
//              waits may be begun again unseen (the kernel counts each time), but where it stops for us; and before Linux 5.15 a
//              splice to a file without splice_write counted as a write too
//
// recorded <= counted <= recorded + allowed, whenever the thread stands still and its ring is empty: at its
// end, and before an exec. What the kernel reads of the files that it executes, or refuses to, is its own:
// after an exec both counts begin anew. A thread that runs is looked at now and then: nothing can be recorded
// that is not counted yet; and what was counted two looks ago is on record now if the count has moved since,
// because a record comes before the next call. What a look finds too much on record must be so at the next
// one too: a thread that executes a program takes its leader's number a moment before we hear of it. The
// kernel does not count sockets' send and recv, nor other calls that move no bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "capture/decode/event.h"
#include "capture/witness/io_counts.h"

namespace vedette {

class IoWitness {
 public:
  // How often one thread is looked at while it runs, and how many are at a time: a look reads one file of
  // /proc.
  static constexpr uint64_t kLookEveryNs = 1'000'000'000;
  static constexpr size_t kLooksMax = 64;

  // What does not agree, as a sentence, and by how many bytes or calls.
  struct Mismatch {
    uint32_t tid = 0;
    std::string text;
    int64_t difference = 0;
  };

  // `splices_write`: the kernel may count a splice as a write (before 5.15).
  IoWitness(KernelIo& kernel, bool splices_write) : kernel_(kernel), splices_write_(splices_write) {}

  // An event on its way to the host; those that are no input or output pass.
  void count(const Event& event);
  // A call was interrupted, and may be made again.
  void on_interrupted(const Event& event);

  // Only threads whose birth or exec was seen are judged: of others nobody knows where the kernel's count
  // stood. `parent`: its parent's process, for a thread its own.
  void on_birth(uint32_t tid, uint32_t process, uint32_t parent);
  // About to execute a program, with everything it did on record.
  std::optional<Mismatch> on_executing(uint32_t tid);
  // `former`: the thread's own number before the exec gave it the leader's.
  void on_exec(uint32_t tid, uint32_t former);
  // About to end, with everything it did on record.
  std::optional<Mismatch> on_exiting(uint32_t tid);
  void on_end(uint32_t tid);
  // After all rings have been drained. At most one mismatch a call; of each thread one in its life.
  std::optional<Mismatch> look(uint64_t now_ns);

 private:
  struct Thread {
    IoCounts recorded = {};
    IoCounts allowed = {};
    IoCounts base = {};      // the kernel's count when ours was 0
    IoCounts seen[2] = {};   // since base: at the last look, and at the one before it
    IoScope scope = IoScope::Process;  // Thread once the process has had another, or a child
    bool executing = false;  // what the kernel counts now is its own
    bool doubted = false;    // the last look found more on record than counted
    bool told = false;
  };

  Thread* find(uint32_t tid);
  void begin_anew(uint32_t tid, Thread& thread);
  std::optional<Mismatch> judge(uint32_t tid, Thread& thread);
  std::optional<Mismatch> invented(uint32_t tid, Thread& thread, const IoCounts& counted);
  std::optional<Mismatch> missing(uint32_t tid, Thread& thread, const IoCounts& counted);
  std::optional<Mismatch> tell(uint32_t tid, Thread& thread, uint64_t IoCounts::* what, uint64_t counted);
  std::optional<Mismatch> look_at(uint32_t tid, Thread& thread);

  KernelIo& kernel_;
  const bool splices_write_;
  std::unordered_map<uint32_t, Thread> threads_;
  uint32_t latest_tid_ = 0;
  Thread* latest_ = nullptr;  // events come in runs of one thread's
  uint64_t next_look_ns_ = 0;
  size_t next_bucket_ = 0;
};

}  // namespace vedette
