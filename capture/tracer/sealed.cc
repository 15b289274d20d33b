// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/sealed.h"

#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "capture/kernel/arch.h"

namespace vedette {
namespace {

constexpr uint32_t kAll = 0xffffffff;
constexpr uint32_t kIpcSet = IPC_SET;

// A call that maps, unmaps or changes a range: which argument is its address, which its length (kPoint: it has none).
struct Guard {
  uint64_t nr;
  uint8_t address;
  uint8_t length;
};
constexpr uint8_t kPoint = 6;

constexpr Guard kGuards[] = {
    {SYS_mmap, 0, 1},    {SYS_munmap, 0, 1}, {SYS_mprotect, 0, 1},         {SYS_pkey_mprotect, 0, 1},
    {SYS_madvise, 0, 1}, {SYS_mremap, 0, 1}, {SYS_mremap, 4, 2},           {SYS_remap_file_pages, 0, 1},
    {SYS_shmat, 1, kPoint}, {SYS_shmdt, 0, kPoint},
};

#if defined(__x86_64__)
// By int 0x80 (arch/x86/entry/syscalls/syscall_32.tbl). The mmap of old has its arguments in memory; see is_attack.
constexpr uint64_t kOldMmap32 = 90, kIpc32 = 117, kShmctl32 = 396, kShmat32 = 397;
constexpr Guard kGuards32[] = {
    {91, 0, 1}, {125, 0, 1}, {163, 0, 1}, {163, 4, 2}, {192, 0, 1}, {219, 0, 1}, {257, 0, 1}, {380, 0, 1},
    {kShmat32, 1, kPoint}, {398, 0, kPoint}, {kIpc32, 4, kPoint},
};
// ipc(2)'s first argument.
constexpr uint64_t kIpcShmat = 21, kIpcShmctl = 24;
#endif

template <size_t N>
bool touches(const Guard (&guards)[N], const SyscallInfo& info) {
  const auto& args = info.seccomp.args;
  return std::any_of(std::begin(guards), std::end(guards), [&](const Guard& guard) {
    if (guard.nr != info.seccomp.nr) return false;
    const uint64_t start = args[guard.address];
    if (guard.length == kPoint) return SealedMemory::holds(start);
    const uint64_t end = SealedMemory::kBase + SealedMemory::kBytes;
    return start < end && (start >= SealedMemory::kBase || args[guard.length] > SealedMemory::kBase - start);
  });
}

bool sets(uint64_t command) { return (command & 0xff) == kIpcSet; }

}  // namespace

uint64_t SealedSlot::address() const { return SealedMemory::kBase + index_ * SealedMemory::kSlotBytes; }

void SealedSlot::reset() {
  if (home_ != nullptr) home_->free_.push_back(index_);
  home_ = nullptr;
}

SealedMemory::SealedMemory() : segment_(Segment::create(kBytes, Segment::Use::Code)), free_(kSlots) {
  std::iota(free_.rbegin(), free_.rend(), 0u);  // the first pages are used again and again
}

SealedSlot SealedMemory::fill(std::string_view bytes) {
  SealedSlot slot;
  if (free_.empty() || bytes.size() > kSlotBytes) return slot;
  slot.home_ = this;
  slot.index_ = free_.back();
  free_.pop_back();
  char* const at = reinterpret_cast<char*>(segment_.base()) + slot.index_ * kSlotBytes;
  std::memcpy(at, bytes.data(), bytes.size());
  slot.bytes_ = {at, bytes.size()};
  return slot;
}

// A range that begins below and ends in the segment begins below its end; the rest is is_attack's to tell. The inline tier's
// guards hold this range too.
void SealedMemory::add_guards(std::vector<FilterRule>& rules, bool inlined) const {
  if (!is_open()) return;
  // The boot's gates are open to shmat, but not for this.
  for (const uint32_t nr : {SYS_shmat, SYS_shmctl}) rules.push_back({nr, {{0, kAll, static_cast<uint32_t>(id())}}, {}, true});
  rules.push_back({SYS_shmat,
                   {{1, kAll, 0, FilterWord::High},
                    {1, kAll, static_cast<uint32_t>(kBase), FilterWord::Low, FilterTest::NotBelow},
                    {1, kAll, static_cast<uint32_t>(kBase + kBytes), FilterWord::Low, FilterTest::Below}},
                   {},
                   true});
  if (inlined) return;
  for (const Guard& guard : kGuards) {
    FilterRule rule{static_cast<uint32_t>(guard.nr), {}};
    rule.conditions.push_back({guard.address, kAll, 0, FilterWord::High});
    rule.conditions.push_back({guard.address, kAll, static_cast<uint32_t>(kBase + kBytes), FilterWord::Low, FilterTest::Below});
    // Address 0 is "anywhere" to these, or nothing.
    if (guard.nr == SYS_mmap || guard.nr == SYS_shmat || guard.address == 4) {
      rule.conditions.push_back({guard.address, kAll, 1, FilterWord::Low, FilterTest::NotBelow});
    }
    rules.push_back(std::move(rule));
  }
}

bool SealedMemory::is_attack(const SyscallInfo& info, bool attached) const {
  if (!is_open()) return false;
  if (names_segment(info)) return true;
  if (!attached) return false;
#if defined(__x86_64__)
  if (info.arch != kAuditNative) return info.seccomp.nr == kOldMmap32 || touches(kGuards32, info);
#endif
  return touches(kGuards, info);
}

bool SealedMemory::names_segment(const SyscallInfo& info) const {
  const auto& args = info.seccomp.args;
  const auto is_ours = [&](uint64_t id) { return static_cast<int>(id) == this->id(); };
#if defined(__x86_64__)
  if (info.arch != kAuditNative) {
    if (info.seccomp.nr == kShmat32) return is_ours(args[0]);
    if (info.seccomp.nr == kShmctl32) return is_ours(args[0]) && sets(args[1]);
    if (info.seccomp.nr != kIpc32) return false;
    const uint64_t which = args[0] & 0xffff;
    return is_ours(args[1]) && (which == kIpcShmat || (which == kIpcShmctl && sets(args[2])));
  }
#endif
  if (info.seccomp.nr == SYS_shmat) return is_ours(args[0]);
  return info.seccomp.nr == SYS_shmctl && is_ours(args[0]) && sets(args[1]);
}

}  // namespace vedette
