// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/memory_calls.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <initializer_list>

#include "capture/kernel/arch.h"

using namespace vedette;

namespace {

SyscallInfo entry(uint64_t nr, std::initializer_list<uint64_t> args) {
  SyscallInfo info{};
  info.arch = kAuditNative;
  info.seccomp.nr = nr;
  size_t i = 0;
  for (const uint64_t arg : args) info.seccomp.args[i++] = arg;
  return info;
}

constexpr uint64_t kAnon = MAP_PRIVATE | MAP_ANONYMOUS;

}  // namespace

TEST_CASE("what mmap does to a place is what its flags say") {
  const struct {
    uint64_t address, flags;
    MemoryDeed deed;
  } cases[] = {{0x10000, kAnon, MemoryDeed::Asks},
               {0x10000, kAnon | MAP_FIXED_NOREPLACE, MemoryDeed::AsksFirmly},
               {0x10000, kAnon | MAP_FIXED | MAP_FIXED_NOREPLACE, MemoryDeed::AsksFirmly},
               {0x10000, kAnon | MAP_FIXED, MemoryDeed::Replaces},
               {0, kAnon | MAP_FIXED, MemoryDeed::Replaces}};
  for (const auto& one : cases) {
    CAPTURE(one.flags);
    const MemoryUses uses = memory_uses(entry(SYS_mmap, {one.address, 0x1001, PROT_READ, one.flags}));
    REQUIRE(uses.count == 1);
    CHECK(uses.begin()->deed == one.deed);
    CHECK(uses.begin()->range.start == one.address);
    CHECK(uses.begin()->range.end == one.address + 0x2000);
  }
  CHECK(memory_uses(entry(SYS_mmap, {0, 0x1000, PROT_READ, kAnon})).count == 0);
  CHECK(memory_uses(entry(SYS_read, {0, 0x1000, 8})).count == 0);
}

TEST_CASE("I10: what the processor ignores of an address does not hide it") {
  for (const uint64_t tag : {1ull << 57, 0x7eull << 56, 0xffull << 56}) {
    CAPTURE(tag);
    CHECK(untagged(tag | 0x6a0000200000) == 0x6a0000200000);
    for (const uint64_t nr : {SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap}) {
      const MemoryUses uses = memory_uses(entry(nr, {tag | 0x6a0000200000, 0x1000}));
      REQUIRE(uses.count == 1);
      CHECK(uses.begin()->range.start == 0x6a0000200000);
      CHECK(uses.begin()->range.end == 0x6a0000201000);
    }
    CHECK(memory_uses(entry(SYS_mmap, {tag, 0x1000, PROT_READ, kAnon})).count == 0);
  }
}

TEST_CASE("a range counts from its start to its end, wherever either lies") {
  const MemoryRange ring = {0x6a0000200000, 0x6a0000210000};
  for (const uint64_t nr : {SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap}) {
    CAPTURE(nr);
    const auto reaches = [&](uint64_t start, uint64_t size) {
      const MemoryUses uses = memory_uses(entry(nr, {start, size}));
      return uses.count == 1 && uses.begin()->deed == MemoryDeed::Changes && overlap(uses.begin()->range, ring);
    };
    CHECK(reaches(0x6a0000200000, 1));
    CHECK(reaches(0x69ffff000000, 0x1201000));
    CHECK(reaches(0x1000, ~uint64_t{0}));
    CHECK(reaches(0x6a000020f000, 0x100000));
    CHECK_FALSE(reaches(0x69ffff000000, 0x1200000));
    CHECK_FALSE(reaches(0x6a0000210000, 0x1000));
  }
}

TEST_CASE("mremap moves away what lies at one place, and may replace what lies at another") {
  const MemoryUses uses = memory_uses(entry(SYS_mremap, {0x1000, 0x1000, 0x3000, MREMAP_MAYMOVE | MREMAP_FIXED, 0x9000}));
  REQUIRE(uses.count == 2);
  CHECK(uses.uses[0].deed == MemoryDeed::Changes);
  CHECK(uses.uses[0].range.end == 0x2000);
  CHECK(uses.uses[1].deed == MemoryDeed::Replaces);
  CHECK(uses.uses[1].range.start == 0x9000);
  CHECK(uses.uses[1].range.end == 0xc000);
}

TEST_CASE("a segment reaches as far as it is long; one that nobody knows, everywhere") {
  const int id = ::shmget(IPC_PRIVATE, 0x5000, IPC_CREAT | 0600);
  REQUIRE(id >= 0);
  const MemoryUses known = memory_uses(entry(SYS_shmat, {static_cast<uint64_t>(id), 0x10000, SHM_REMAP}));
  (void)::shmctl(id, IPC_RMID, nullptr);
  REQUIRE(known.count == 1);
  CHECK(known.begin()->deed == MemoryDeed::Replaces);
  CHECK(known.begin()->range.end == 0x15000);
  const MemoryUses unknown = memory_uses(entry(SYS_shmat, {static_cast<uint64_t>(id), 0x10000, 0}));
  REQUIRE(unknown.count == 1);
  CHECK(unknown.begin()->deed == MemoryDeed::AsksFirmly);
  CHECK(unknown.begin()->range.end == ~uint64_t{0});
}
