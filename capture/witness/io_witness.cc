// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/io_witness.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace vedette {
namespace {

// How often a call that waits can be begun again: each time it has to sleep and be woken.
constexpr uint64_t kRestartNs = 5000;

// How an event's result, when it is positive, shows in the kernel's counts.
enum class Counts : uint8_t {
  None,
  Read,
  Written,
  Both,     // and perhaps written once more, by a splice inside
  Spliced,  // not, or as written
  Exec,
};

struct Row {
  EventId id;
  Counts counts;
};
constexpr Row kRows[] = {
    {EventId::read, Counts::Read},       {EventId::pread, Counts::Read},     {EventId::readv, Counts::Read},
    {EventId::preadv, Counts::Read},     {EventId::preadv2, Counts::Read},   {EventId::write, Counts::Written},
    {EventId::pwrite, Counts::Written},  {EventId::writev, Counts::Written}, {EventId::pwritev, Counts::Written},
    {EventId::pwritev2, Counts::Written}, {EventId::sendfile, Counts::Both}, {EventId::copy_file_range, Counts::Both},
    {EventId::splice, Counts::Spliced},  {EventId::tee, Counts::Spliced},    {EventId::vmsplice, Counts::Spliced},
    {EventId::execve, Counts::Exec},     {EventId::execveat, Counts::Exec},
};

constexpr auto kCounts = [] {
  std::array<Counts, kEventIdMax + 1> counts{};
  for (const Row& row : kRows) counts[static_cast<size_t>(row.id)] = row.counts;
  return counts;
}();

Counts counts_of(const Event& event) { return kCounts[static_cast<size_t>(event.id)]; }
bool reads(Counts counts) { return counts == Counts::Read || counts == Counts::Both; }
bool writes(Counts counts) { return counts == Counts::Written || counts == Counts::Both; }

void add(IoCounts& to, Counts counts, uint64_t bytes, uint64_t calls) {
  if (reads(counts)) to.read += bytes, to.reads += calls;
  if (writes(counts)) to.written += bytes, to.writes += calls;
}

// Where the call stopped, each new beginning was seen.
uint64_t restarts_unseen(const Event& event) {
  const bool is_inline = (event.flags & kTierMask) == static_cast<uint16_t>(Tier::Inline);
  return is_inline ? (event.call.exit_ns - event.call.enter_ns) / kRestartNs : 0;
}

IoCounts since(const IoCounts& later, const IoCounts& earlier) {
  IoCounts difference;
  for (const auto count : kIoCounts) difference.*count = later.*count - earlier.*count;
  return difference;
}

}  // namespace

void IoWitness::count(const Event& event) {
  const Counts counts = counts_of(event);
  if (counts == Counts::None) return;
  Thread* const thread = find(event.call.tid);
  if (thread == nullptr) return;
  const bool has_failed = event.call.returned && event.call.result < 0;
  if (counts == Counts::Exec) return has_failed && thread->executing ? begin_anew(event.call.tid, *thread) : void();
  const uint64_t bytes = event.call.returned && event.call.result > 0 ? static_cast<uint64_t>(event.call.result) : 0;
  add(thread->recorded, counts, bytes, bytes > 0);
  add(thread->allowed, counts, 0, (bytes == 0) + restarts_unseen(event));
  if (splices_write_ && (counts == Counts::Both || counts == Counts::Spliced)) add(thread->allowed, Counts::Written, bytes, bytes);
}

void IoWitness::on_interrupted(const Event& event) {
  Thread* const thread = find(event.call.tid);
  if (thread == nullptr) return;
  if (counts_of(event) == Counts::Exec && thread->executing) return begin_anew(event.call.tid, *thread);
  add(thread->allowed, counts_of(event), 0, 1);
}

void IoWitness::on_birth(uint32_t tid, uint32_t process, uint32_t parent) {
  threads_.insert_or_assign(tid, Thread{.scope = tid == process ? IoScope::Process : IoScope::Thread});
  latest_ = nullptr;
  if (Thread* const leader = find(parent)) leader->scope = IoScope::Thread;
}

std::optional<IoWitness::Mismatch> IoWitness::on_executing(uint32_t tid) {
  Thread* const thread = find(tid);
  if (thread == nullptr || thread->executing) return {};
  std::optional<Mismatch> mismatch = judge(tid, *thread);
  thread->executing = true;
  return mismatch;
}

void IoWitness::on_exec(uint32_t tid, uint32_t former) {
  Thread* const before = find(former);
  Thread now{.scope = before != nullptr ? before->scope : IoScope::Thread};
  on_end(former);
  on_end(tid);
  begin_anew(tid, threads_.insert({tid, now}).first->second);
}

// Both counts are 0 from here on. Of whom the kernel tells us nothing, nothing is judged.
void IoWitness::begin_anew(uint32_t tid, Thread& thread) {
  const std::optional<IoCounts> counted = kernel_.counts(tid, thread.scope);
  if (!counted) return on_end(tid);
  thread = Thread{.base = *counted, .scope = thread.scope, .told = thread.told};
}

std::optional<IoWitness::Mismatch> IoWitness::on_exiting(uint32_t tid) {
  Thread* const thread = find(tid);
  return thread != nullptr && !thread->executing ? judge(tid, *thread) : std::nullopt;
}

void IoWitness::on_end(uint32_t tid) {
  threads_.erase(tid);
  latest_ = nullptr;
}

// Some buckets of the table at a time, so that a thousand threads cost no more a second than a few.
std::optional<IoWitness::Mismatch> IoWitness::look(uint64_t now_ns) {
  if (now_ns < next_look_ns_) return {};
  std::optional<Mismatch> found;
  const size_t buckets = threads_.bucket_count();
  size_t looks = 0;
  for (size_t i = 0; i < buckets && looks < kLooksMax && !found; ++i) {
    const size_t bucket = next_bucket_++ % buckets;
    for (auto entry = threads_.begin(bucket); entry != threads_.end(bucket); ++entry, ++looks) {
      if (!found && !entry->second.executing) found = look_at(entry->first, entry->second);
    }
  }
  if (!found) next_look_ns_ = now_ns + kLookEveryNs;
  return found;
}

std::optional<IoWitness::Mismatch> IoWitness::look_at(uint32_t tid, Thread& thread) {
  const std::optional<IoCounts> counted = kernel_.counts(tid, thread.scope);
  if (!counted) return {};
  const IoCounts now = since(*counted, thread.base);
  const bool too_much = std::any_of(kIoCounts.begin(), kIoCounts.end(), [&](auto count) { return thread.recorded.*count > now.*count; });
  if (too_much && !std::exchange(thread.doubted, true)) return {};
  thread.doubted = too_much;
  if (std::optional<Mismatch> mismatch = invented(tid, thread, now)) return mismatch;
  const IoCounts settled = thread.seen[1];  // on record by now, if the thread has moved since
  if (thread.seen[0] != settled) {
    if (std::optional<Mismatch> mismatch = missing(tid, thread, settled)) return mismatch;
  }
  thread.seen[1] = thread.seen[0];
  thread.seen[0] = now;
  return {};
}

IoWitness::Thread* IoWitness::find(uint32_t tid) {
  if (latest_ != nullptr && latest_tid_ == tid) return latest_;
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return nullptr;
  latest_tid_ = tid;
  return latest_ = &found->second;
}

std::optional<IoWitness::Mismatch> IoWitness::judge(uint32_t tid, Thread& thread) {
  const std::optional<IoCounts> counted = kernel_.counts(tid, thread.scope);
  if (!counted) return {};
  const IoCounts now = since(*counted, thread.base);
  std::optional<Mismatch> mismatch = invented(tid, thread, now);
  return mismatch ? mismatch : missing(tid, thread, now);
}

std::optional<IoWitness::Mismatch> IoWitness::invented(uint32_t tid, Thread& thread, const IoCounts& counted) {
  for (const auto count : kIoCounts) {
    if (thread.recorded.*count > counted.*count) return tell(tid, thread, count, counted.*count);
  }
  return {};
}

std::optional<IoWitness::Mismatch> IoWitness::missing(uint32_t tid, Thread& thread, const IoCounts& counted) {
  for (const auto count : kIoCounts) {
    if (counted.*count > thread.recorded.*count + thread.allowed.*count) return tell(tid, thread, count, counted.*count);
  }
  return {};
}

std::optional<IoWitness::Mismatch> IoWitness::tell(uint32_t tid, Thread& thread, uint64_t IoCounts::* what, uint64_t counted) {
  if (std::exchange(thread.told, true)) return {};
  const char* const unit = what == &IoCounts::read      ? "bytes read"
                           : what == &IoCounts::written ? "bytes written"
                           : what == &IoCounts::reads   ? "calls that read"
                                                        : "calls that wrote";
  const uint64_t recorded = thread.recorded.*what;
  char text[128];
  std::snprintf(text, sizeof text, "the kernel counted %" PRIu64 " %s, the records tell of %" PRIu64, counted, unit, recorded);
  return Mismatch{.tid = tid, .text = text, .difference = static_cast<int64_t>(counted - recorded)};
}

}  // namespace vedette
