// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/memory_calls.h"

#include <linux/audit.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <algorithm>

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

// By int 0x80 of x86-64, which alone has a second convention that is not refused
// (arch/x86/entry/syscalls/syscall_32.tbl); ipc(2) with its first argument.
constexpr uint32_t kOldMmap32 = 90, kIpc32 = 117, kShmctl32 = 396, kShmat32 = 397;
constexpr uint64_t kIpcShmat = 21, kIpcShmdt = 22, kIpcShmctl = 24;
constexpr MemoryCall kCalls32[] = {
    {91, 0, 1},  {125, 0, 1}, {163, 0, 1},      {163, 4, 2, MREMAP_FIXED}, {192, 0, 1, 0, true},
    {219, 0, 1}, {257, 0, 1}, {380, 0, 1},      {kShmat32, 1, kPoint, 0, true}, {398, 0, kPoint},
};
constexpr MemoryCall kIpcAttach = {kIpc32, 4, kPoint, 0, true}, kIpcDetach = {kIpc32, 4, kPoint};

constexpr uint64_t kPage = 4096, kEverywhere = ~uint64_t{0};

// The call's flags say which; at a fixed place, 0 is one too. 0 asks for no place.
std::optional<MemoryDeed> deed_of(const MemoryCall& call, const SyscallInfo& info) {
  const auto& args = info.seccomp.args;
  if (!call.anywhere) return call.flag != 0 ? MemoryDeed::Replaces : MemoryDeed::Changes;
  const bool is_somewhere = untagged(args[call.address]) != 0;
  if (call.length == kPoint) {
    if (!is_somewhere) return std::nullopt;
    return (args[2] & SHM_REMAP) != 0 ? MemoryDeed::Replaces : MemoryDeed::AsksFirmly;
  }
  if ((args[3] & MAP_FIXED_NOREPLACE) != 0) return MemoryDeed::AsksFirmly;
  if ((args[3] & MAP_FIXED) != 0) return MemoryDeed::Replaces;
  return is_somewhere ? std::optional(MemoryDeed::Asks) : std::nullopt;
}

// As long as the segment is that is attached; of a namespace that is not ours, nobody knows.
uint64_t segment_bytes(const SyscallInfo& info) {
  const std::optional<int> id = named_segment(info);
  shmid_ds facts;
  return id && ::shmctl(*id, IPC_STAT, &facts) == 0 ? facts.shm_segsz : kEverywhere;
}

std::optional<MemoryUse> use_of(const MemoryCall& call, const SyscallInfo& info) {
  const auto& args = info.seccomp.args;
  if (call.nr != info.seccomp.nr || (args[3] & call.flag) != call.flag) return std::nullopt;
  const std::optional<MemoryDeed> deed = deed_of(call, info);
  if (!deed) return std::nullopt;
  const uint64_t start = untagged(args[call.address]) & ~(kPage - 1);
  const uint64_t size = call.length != kPoint ? args[call.length] : call.anywhere ? segment_bytes(info) : 1;
  if (size == 0) return std::nullopt;
  uint64_t end;
  if (__builtin_add_overflow(start, size, &end) || end > kEverywhere - kPage) end = kEverywhere;
  return MemoryUse{*deed, {start, end == kEverywhere ? end : (end + kPage - 1) & ~(kPage - 1)}};
}

// The 32-bit convention's commands may carry the bit of the newer structures.
bool sets(uint64_t command) { return (command & 0xff) == IPC_SET; }

}  // namespace

std::span<const MemoryCall> memory_calls() { return kCalls; }

MemoryUses memory_uses(const SyscallInfo& info) {
  MemoryUses uses;
  std::span<const MemoryCall> calls = kCalls;
  if (info.arch == AUDIT_ARCH_I386) {
    calls = kCalls32;
    if (info.seccomp.nr == kIpc32) {
      const uint64_t which = info.seccomp.args[0] & 0xffff;
      if (which == kIpcShmat) calls = {&kIpcAttach, 1};
      if (which == kIpcShmdt) calls = {&kIpcDetach, 1};
    }
    if (info.seccomp.nr == kOldMmap32) uses.uses[uses.count++] = {MemoryDeed::Changes, {0, kEverywhere}};
  }
  for (const MemoryCall& call : calls) {
    if (const std::optional<MemoryUse> use = use_of(call, info)) uses.uses[uses.count++] = *use;
  }
  return uses;
}

std::optional<int> named_segment(const SyscallInfo& info) {
  const auto& args = info.seccomp.args;
  const auto named = [](bool is_named, uint64_t id) { return is_named ? std::optional(static_cast<int>(id)) : std::nullopt; };
  if (info.arch == AUDIT_ARCH_I386) {
    if (info.seccomp.nr == kShmat32) return named(true, args[0]);
    if (info.seccomp.nr == kShmctl32) return named(sets(args[1]), args[0]);
    const uint64_t which = args[0] & 0xffff;
    const bool is_named = which == kIpcShmat || (which == kIpcShmctl && sets(args[2]));
    return named(info.seccomp.nr == kIpc32 && is_named, args[1]);
  }
  if (info.seccomp.nr == SYS_shmat) return named(true, args[0]);
  return named(info.seccomp.nr == SYS_shmctl && sets(args[1]), args[0]);
}

}  // namespace vedette
