// SPDX-License-Identifier: Apache-2.0
// A call made with every register that must survive it filled, and looked at again: general ones, vector ones
// as wide as this processor has them, and the 128 bytes below the stack pointer. What the kernel may change
// is rax, rcx and r11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vedette::stepped {

struct Kept {
  uint64_t general[5];        // rbx, r12 - r15
  uint64_t arguments[6];      // rdi rsi rdx r10 r8 r9
  uint64_t red_zone[16];      // -128(%rsp) and up
  alignas(64) uint8_t wide[32][64];
};

// Both load and store in the order of Kept's members; how the vectors do is what differs.
#define VEDETTE_KEPT_CALL(load, store)                                                                        \
  __asm__ volatile(                                                                                           \
      "push %%rbx\n\tpush %%rbp\n\tmov %[before], %%rbp\n\tmov %[after], %%r11\n\tsub $256, %%rsp\n\t"       \
      "mov %%r11, 200(%%rsp)\n\t" load                                                                        \
      "lea 88(%%rbp), %%rcx\n\t"                                                                              \
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tmov 8*\\i(%%rcx), %%rbx\n\tmov %%rbx, -128+8*\\i(%%rsp)\n\t.endr\n\t" \
      "mov 0(%%rbp), %%rbx\n\tmov 8(%%rbp), %%r12\n\tmov 16(%%rbp), %%r13\n\tmov 24(%%rbp), %%r14\n\tmov 32(%%rbp), %%r15\n\t" \
      "mov 40(%%rbp), %%rdi\n\tmov 48(%%rbp), %%rsi\n\tmov 56(%%rbp), %%rdx\n\tmov 64(%%rbp), %%r10\n\tmov 72(%%rbp), %%r8\n\tmov 80(%%rbp), %%r9\n\t" \
      ".byte 0x48, 0x8d, 0x44, 0x20, 0x00\n\tsyscall\n\t"                                                     \
      "mov 200(%%rsp), %%r11\n\t"                                                                             \
      "mov %%rbx, 0(%%r11)\n\tmov %%r12, 8(%%r11)\n\tmov %%r13, 16(%%r11)\n\tmov %%r14, 24(%%r11)\n\tmov %%r15, 32(%%r11)\n\t" \
      "mov %%rdi, 40(%%r11)\n\tmov %%rsi, 48(%%r11)\n\tmov %%rdx, 56(%%r11)\n\tmov %%r10, 64(%%r11)\n\tmov %%r8, 72(%%r11)\n\tmov %%r9, 80(%%r11)\n\t" \
      "lea 88(%%r11), %%rcx\n\t"                                                                              \
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tmov -128+8*\\i(%%rsp), %%rbx\n\tmov %%rbx, 8*\\i(%%rcx)\n\t.endr\n\t" \
      store "add $256, %%rsp\n\tpop %%rbp\n\tpop %%rbx\n\t"                                                   \
      : "+a"(result), [before] "+D"(from), [after] "+S"(into)                                                 \
      :                                                                                                       \
      : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",   \
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

constexpr size_t kNarrow = 216;  // bytes of what stands before `wide`
static_assert(offsetof(Kept, wide) == 256);

__attribute__((noinline)) inline long call_with_ymm(long nr, const Kept* from, Kept* into) {
  long result = nr;
  VEDETTE_KEPT_CALL(".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tvmovdqu 256+64*\\i(%%rbp), %%ymm\\i\n\t.endr\n\t",
                    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\tvmovdqu %%ymm\\i, 256+64*\\i(%%r11)\n\t.endr\n\t");
  return result;
}

__attribute__((noinline, target("avx512f"))) inline long call_with_zmm(long nr, const Kept* from, Kept* into) {
  long result = nr;
  VEDETTE_KEPT_CALL(
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\tvmovdqu64 256+64*\\i(%%rbp), %%zmm\\i\n\t.endr\n\t",
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\tvmovdqu64 %%zmm\\i, 256+64*\\i(%%r11)\n\t.endr\n\t");
  return result;
}

// False: something else than rax, rcx and r11 has changed.
inline bool call_keeps_registers(long nr, const long (&arguments)[6], long& result) {
  static Kept before, after;
  const bool wide = __builtin_cpu_supports("avx512f");
  if (!wide && !__builtin_cpu_supports("avx2")) return false;
  for (size_t i = 0; i < sizeof before; ++i) reinterpret_cast<uint8_t*>(&before)[i] = static_cast<uint8_t>(i * 7 + static_cast<size_t>(nr) + 1);
  for (unsigned i = 0; i < 6; ++i) before.arguments[i] = static_cast<uint64_t>(arguments[i]);
  memset(&after, 0, sizeof after);
  result = wide ? call_with_zmm(nr, &before, &after) : call_with_ymm(nr, &before, &after);
  if (memcmp(&before, &after, kNarrow) != 0) return false;
  for (unsigned i = 0; i < (wide ? 32u : 16u); ++i) {
    if (memcmp(before.wide[i], after.wide[i], wide ? 64 : 32) != 0) return false;
  }
  return true;
}

}  // namespace vedette::stepped
