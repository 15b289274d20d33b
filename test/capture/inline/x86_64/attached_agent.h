// SPDX-License-Identifier: Apache-2.0
// The agent's page and a ring, attached to the test itself, and a system call that goes through the stub.
#pragma once

#include <asm/prctl.h>
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "capture/inline/agent.h"
#include "capture/inline/ring.h"

namespace vedette {

inline constexpr uint32_t kSnaplen = 80;

// long call(nr, a0 .. a5): a syscall whose window has been sent to the stub. r11 and rcx are its only losses.
//   mov %rdi,%rax; mov %rsi,%rdi; ... ; lea end(%rip),%rcx; jmp *[dispatch]; (syscall;) end: ret
struct Stub {
  using Function = long (*)(long, long, long, long, long, long, long);
  Function function;
  Stub() {
    static const uint8_t kCode[] = {
        0x48, 0x89, 0xf8,                          // mov %rdi,%rax
        0x48, 0x89, 0xf7,                          // mov %rsi,%rdi
        0x48, 0x89, 0xd6,                          // mov %rdx,%rsi
        0x48, 0x89, 0xca,                          // mov %rcx,%rdx
        0x4d, 0x89, 0xc2,                          // mov %r8,%r10
        0x4d, 0x89, 0xc8,                          // mov %r9,%r8
        0x4c, 0x8b, 0x4c, 0x24, 0x08,              // mov 8(%rsp),%r9
        0x48, 0x8d, 0x0d, 0x09, 0x00, 0x00, 0x00,  // lea 9(%rip),%rcx
        0xff, 0x24, 0x25, 0, 0, 0, 0,              // jmp *dispatch
        0x0f, 0x05,                                // syscall
        0xc3,                                      // ret
    };
    void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, kCode, sizeof kCode);
    const uint32_t dispatch = VEDETTE_DISPATCH;
    memcpy(static_cast<uint8_t*>(page) + 33, &dispatch, sizeof dispatch);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    function = reinterpret_cast<Function>(page);
  }
};

inline long call(long nr, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  static const Stub stub;
  return stub.function(nr, a, b, c, d, e, f);
}
inline long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

struct Agent {
  Segment page;
  std::unique_ptr<Ring> ring;
  void* context = nullptr;
  RecordCopy copy;

  explicit Agent(size_t ring_bytes = Ring::kSmall, uint32_t snaplen = kSnaplen)
      : page(make_agent_segment(snaplen, Integrity::Normal)), ring(Ring::create(ring_bytes)) {
    REQUIRE(page.is_open());
    REQUIRE(ring);
    REQUIRE(shmat(page.id(), reinterpret_cast<void*>(VEDETTE_AGENT_BASE), SHM_RDONLY | SHM_EXEC) ==
            reinterpret_cast<void*>(VEDETTE_AGENT_BASE));
    context = shmat(ring->id(), nullptr, 0);
    ring->lie_at(reinterpret_cast<uint64_t>(context));
    use(context);
  }
  ~Agent() {
    set_gs(0);
    shmdt(context);
    shmdt(reinterpret_cast<void*>(VEDETTE_AGENT_BASE));
  }
  static void set_gs(uint64_t base) { syscall(SYS_arch_prctl, ARCH_SET_GS, base); }
  static void use(void* context) { set_gs(reinterpret_cast<uint64_t>(context) - VEDETTE_AGENT_BASE); }

  const RingRecord& take() {
    REQUIRE(ring->next(copy) == Ring::Next::Record);
    ring->release();
    return copy.record();
  }
  // Of the ring, as the kernel has them.
  size_t resident_bytes() const {
    std::vector<unsigned char> pages((ring->bytes() + 4095) / 4096);
    REQUIRE(mincore(context, ring->bytes(), pages.data()) == 0);
    return static_cast<size_t>(std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; })) * 4096;
  }
  bool empty() { return ring->next(copy) == Ring::Next::Empty; }
  std::string at(long address, size_t size) {
    std::string text(size, '\0');
    text.resize(copy.read(static_cast<uint64_t>(address), text.data(), size));
    return text;
  }
};

}  // namespace vedette
