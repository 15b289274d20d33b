// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/memory_calls.h"

#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>

#include "capture/kernel/arch.h"

namespace vedette {
namespace {

constexpr uint8_t kPoint = MemoryCall::kPoint;

constexpr MemoryCall kCalls[] = {
    {SYS_mmap, 0, 1, 0, true},
    {SYS_munmap, 0, 1},
    {SYS_mprotect, 0, 1},
    {SYS_pkey_mprotect, 0, 1},
    {SYS_madvise, 0, 1},
    {SYS_mremap, 0, 1},
    {SYS_mremap, 4, 2, MREMAP_FIXED},
    {SYS_remap_file_pages, 0, 1},
    {SYS_shmat, 1, kPoint, 0, true},
    {SYS_shmdt, 0, kPoint},
};

#if defined(__x86_64__)
// By int 0x80 (arch/x86/entry/syscalls/syscall_32.tbl); ipc(2) with its first argument.
constexpr uint32_t kOldMmap32 = 90, kIpc32 = 117, kShmctl32 = 396, kShmat32 = 397;
constexpr uint64_t kIpcShmat = 21, kIpcShmctl = 24;
constexpr MemoryCall kCalls32[] = {
    {91, 0, 1},  {125, 0, 1}, {163, 0, 1},      {163, 4, 2, MREMAP_FIXED}, {192, 0, 1, 0, true},
    {219, 0, 1}, {257, 0, 1}, {380, 0, 1},      {kShmat32, 1, kPoint, 0, true}, {398, 0, kPoint},
    {kIpc32, 4, kPoint, 0, true},
};
#endif

bool reaches(const MemoryCall& call, const SyscallInfo& info, MemoryRange range) {
  const auto& args = info.seccomp.args;
  if (call.nr != info.seccomp.nr || (args[3] & call.flag) != call.flag) return false;
  const uint64_t start = args[call.address];
  if (start == 0 && call.anywhere) return false;
  if (start >= range.end) return false;
  const uint64_t size = call.length == kPoint ? 1 : args[call.length];
  return start >= range.start || size > range.start - start;
}

// The 32-bit convention's commands may carry the bit of the newer structures.
bool sets(uint64_t command) { return (command & 0xff) == IPC_SET; }

}  // namespace

std::span<const MemoryCall> memory_calls() { return kCalls; }

bool changes_memory(const SyscallInfo& info, MemoryRange range) {
  const auto in_range = [&](const MemoryCall& call) { return reaches(call, info, range); };
#if defined(__x86_64__)
  if (info.arch != kAuditNative) return info.seccomp.nr == kOldMmap32 || std::any_of(std::begin(kCalls32), std::end(kCalls32), in_range);
#endif
  return std::any_of(std::begin(kCalls), std::end(kCalls), in_range);
}

std::optional<int> named_segment(const SyscallInfo& info) {
  const auto& args = info.seccomp.args;
  const auto named = [](bool is_named, uint64_t id) { return is_named ? std::optional(static_cast<int>(id)) : std::nullopt; };
#if defined(__x86_64__)
  if (info.arch != kAuditNative) {
    if (info.seccomp.nr == kShmat32) return named(true, args[0]);
    if (info.seccomp.nr == kShmctl32) return named(sets(args[1]), args[0]);
    const uint64_t which = args[0] & 0xffff;
    const bool is_named = which == kIpcShmat || (which == kIpcShmctl && sets(args[2]));
    return named(info.seccomp.nr == kIpc32 && is_named, args[1]);
  }
#endif
  if (info.seccomp.nr == SYS_shmat) return named(true, args[0]);
  return named(info.seccomp.nr == SYS_shmctl && sets(args[1]), args[0]);
}

}  // namespace vedette
