// SPDX-License-Identifier: Apache-2.0
// A small interpreter of classic BPF, as seccomp has it, and the calls to run it on.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstring>
#include <initializer_list>
#include <optional>
#include <vector>

#include "capture/kernel/arch.h"

namespace vedette {

// seccomp's subset: 32-bit loads from seccomp_data, AND, jumps, RET. nullopt: the program ran off its end.
inline std::optional<uint32_t> run(const std::vector<sock_filter>& program, const seccomp_data& data, int* steps = nullptr) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < program.size(); ++pc) {
    if (steps != nullptr) ++*steps;
    const sock_filter& i = program[pc];
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS: std::memcpy(&a, reinterpret_cast<const char*>(&data) + i.k, sizeof a); break;
      case BPF_ALU | BPF_AND | BPF_K: a &= i.k; break;
      case BPF_JMP | BPF_JA: pc += i.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: pc += a == i.k ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: pc += a >= i.k ? i.jt : i.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: pc += (a & i.k) != 0 ? i.jt : i.jf; break;
      case BPF_RET | BPF_K: return i.k;
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

inline seccomp_data call(uint32_t nr, std::initializer_list<uint64_t> args = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(nr);
  data.arch = kAuditNative;
  int i = 0;
  for (const uint64_t arg : args) data.args[i++] = arg;
  return data;
}

}  // namespace vedette
