// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/classic_bpf.h"

#include <cstring>

namespace vedette {
namespace {

std::optional<uint32_t> calculated(uint16_t operation, uint32_t a, uint32_t b) {
  constexpr uint32_t kBits = 32;
  switch (operation) {
    case BPF_ADD: return a + b;
    case BPF_SUB: return a - b;
    case BPF_MUL: return a * b;
    case BPF_AND: return a & b;
    case BPF_OR: return a | b;
    case BPF_XOR: return a ^ b;
    case BPF_NEG: return -a;
    case BPF_LSH: return b < kBits ? std::optional(a << b) : std::nullopt;
    case BPF_RSH: return b < kBits ? std::optional(a >> b) : std::nullopt;
    case BPF_DIV: return b == 0 ? std::nullopt : std::optional(a / b);
    default: return std::nullopt;
  }
}

std::optional<bool> compared(uint16_t comparison, uint32_t a, uint32_t b) {
  switch (comparison) {
    case BPF_JEQ: return a == b;
    case BPF_JGT: return a > b;
    case BPF_JGE: return a >= b;
    case BPF_JSET: return (a & b) != 0;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& data, int* steps) {
  uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {};
  for (size_t pc = 0; pc < program.size(); ++pc) {
    if (steps != nullptr) ++*steps;
    const sock_filter& i = program[pc];
    const uint32_t operand = BPF_SRC(i.code) == BPF_X ? x : i.k;
    switch (BPF_CLASS(i.code)) {
      case BPF_LD:
      case BPF_LDX: {
        uint32_t& into = BPF_CLASS(i.code) == BPF_LD ? a : x;
        const uint16_t mode = BPF_MODE(i.code);
        if (mode == BPF_IMM) into = i.k;
        else if (mode == BPF_LEN) into = sizeof data;
        else if (mode == BPF_MEM && i.k < BPF_MEMWORDS) into = memory[i.k];
        else if (mode == BPF_ABS && i.k <= sizeof data - sizeof into) std::memcpy(&into, reinterpret_cast<const char*>(&data) + i.k, sizeof into);
        else return std::nullopt;
        break;
      }
      case BPF_ST:
      case BPF_STX:
        if (i.k >= BPF_MEMWORDS) return std::nullopt;
        memory[i.k] = BPF_CLASS(i.code) == BPF_ST ? a : x;
        break;
      case BPF_ALU: {
        const std::optional<uint32_t> result = calculated(BPF_OP(i.code), a, operand);
        if (!result) return std::nullopt;
        a = *result;
        break;
      }
      case BPF_JMP: {
        if (BPF_OP(i.code) == BPF_JA) {
          pc += i.k;
          break;
        }
        const std::optional<bool> holds = compared(BPF_OP(i.code), a, operand);
        if (!holds) return std::nullopt;
        pc += *holds ? i.jt : i.jf;
        break;
      }
      case BPF_MISC:
        if (BPF_MISCOP(i.code) == BPF_TAX) x = a;
        else a = x;
        break;
      case BPF_RET: return BPF_RVAL(i.code) == BPF_A ? a : i.k;
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace vedette
