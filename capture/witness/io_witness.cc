// SPDX-License-Identifier: Apache-2.0
#include "capture/witness/io_witness.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <utility>

namespace vedette {
namespace {

// The first bytes of up to five interpreters (BINPRM_BUF_SIZE), and program headers of two files, at most 64 KiB each
// (fs/binfmt_elf.c).
constexpr uint64_t kExecReadsMax = 5 * 256 + 2 * (65536 + 64);

// How an event's result, when it is positive, shows in the kernel's counts.
enum class Counts : uint8_t {
  None,
  Read,
  Written,
  Both,     // and perhaps written once more, by a splice inside
  Spliced,  // not, or as written
  Exec,     // what it read of a file that it refused, or was killed in
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

IoBytes since(IoBytes later, IoBytes earlier) { return {later.read - earlier.read, later.written - earlier.written}; }

bool operator!=(IoBytes a, IoBytes b) { return a.read != b.read || a.written != b.written; }

}  // namespace

void IoWitness::count(const Event& event) {
  const Counts counts = kCounts[static_cast<size_t>(event.id)];
  if (counts == Counts::None || (!event.call.returned && counts != Counts::Exec)) return;
  Thread* const thread = find(event.call.tid);
  if (thread == nullptr) return;
  const int64_t result = event.call.result;
  if (counts == Counts::Exec && (result < 0 || !event.call.returned)) thread->allowed.read += kExecReadsMax;
  if (result <= 0) return;
  const uint64_t bytes = static_cast<uint64_t>(result);
  if (counts == Counts::Read || counts == Counts::Both) thread->recorded.read += bytes;
  if (counts == Counts::Written || counts == Counts::Both) thread->recorded.written += bytes;
  if (counts == Counts::Both || counts == Counts::Spliced) thread->allowed.written += bytes;
}

void IoWitness::on_birth(uint32_t tid, uint32_t process, uint32_t parent) {
  threads_.insert_or_assign(tid, Thread{.scope = tid == process ? IoScope::Process : IoScope::Thread});
  latest_ = nullptr;
  if (Thread* const leader = find(parent)) leader->scope = IoScope::Thread;
}

std::optional<IoWitness::Mismatch> IoWitness::on_exec(uint32_t tid, uint32_t former) {
  Thread* const before = find(former);
  const IoScope scope = before != nullptr ? before->scope : IoScope::Thread;
  const std::optional<IoBytes> counted = kernel_.bytes(tid, scope);
  std::optional<Mismatch> mismatch;
  if (before != nullptr && counted) {
    before->allowed.read += kExecReadsMax;
    mismatch = judge(tid, *before, *counted);
  }
  on_end(former);
  on_end(tid);
  if (counted) threads_.insert({tid, Thread{.base = *counted, .scope = scope}});
  return mismatch;
}

std::optional<IoWitness::Mismatch> IoWitness::on_exiting(uint32_t tid) {
  Thread* const thread = find(tid);
  if (thread == nullptr) return {};
  const std::optional<IoBytes> counted = kernel_.bytes(tid, thread->scope);
  return counted ? judge(tid, *thread, *counted) : std::nullopt;
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
      if (!found) found = look_at(entry->first, entry->second);
    }
  }
  if (!found) next_look_ns_ = now_ns + kLookEveryNs;
  return found;
}

std::optional<IoWitness::Mismatch> IoWitness::look_at(uint32_t tid, Thread& thread) {
  const std::optional<IoBytes> counted = kernel_.bytes(tid, thread.scope);
  if (!counted) return {};
  const IoBytes now = since(*counted, thread.base);
  const bool too_much = thread.recorded.read > now.read || thread.recorded.written > now.written;
  if (too_much && !std::exchange(thread.doubted, true)) return {};
  thread.doubted = too_much;
  if (thread.recorded.read > now.read) return tell(tid, thread, "read", now.read, thread.recorded.read);
  if (thread.recorded.written > now.written) return tell(tid, thread, "written", now.written, thread.recorded.written);
  const IoBytes settled = thread.seen[1];  // on record by now, if the thread has moved since
  if (thread.seen[0] != settled) {
    if (settled.read > thread.recorded.read + thread.allowed.read) return tell(tid, thread, "read", settled.read, thread.recorded.read);
    if (settled.written > thread.recorded.written + thread.allowed.written) return tell(tid, thread, "written", settled.written, thread.recorded.written);
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

std::optional<IoWitness::Mismatch> IoWitness::judge(uint32_t tid, Thread& thread, IoBytes counted) {
  const IoBytes now = since(counted, thread.base);
  const auto agrees = [](uint64_t counts, uint64_t recorded, uint64_t allowed) {
    return recorded <= counts && counts - recorded <= allowed;
  };
  if (!agrees(now.read, thread.recorded.read, thread.allowed.read)) return tell(tid, thread, "read", now.read, thread.recorded.read);
  if (!agrees(now.written, thread.recorded.written, thread.allowed.written)) {
    return tell(tid, thread, "written", now.written, thread.recorded.written);
  }
  return {};
}

std::optional<IoWitness::Mismatch> IoWitness::tell(uint32_t tid, Thread& thread, const char* what, uint64_t counted, uint64_t recorded) {
  if (thread.told) return {};
  thread.told = true;
  char text[128];
  std::snprintf(text, sizeof text, "the kernel counted %" PRIu64 " bytes %s, the records tell of %" PRIu64, counted, what, recorded);
  return Mismatch{.tid = tid, .text = text, .bytes = static_cast<int64_t>(counted - recorded)};
}

}  // namespace vedette
