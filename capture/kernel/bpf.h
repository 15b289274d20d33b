// SPDX-License-Identifier: Apache-2.0
// The instructions that filters for seccomp(2) are written in: classic BPF, one function for each kind that
// ours use. What decides, and in which order, stands where a filter is made (filter.cc, jail/calls.cc); what
// a filter answers, classic_bpf.h can say.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include <cstdint>
#include <vector>

namespace vedette::bpf {

using Program = std::vector<sock_filter>;

constexpr sock_filter statement(uint16_t code, uint32_t k) { return {code, 0, 0, k}; }

// The loaded word against `k` (BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET): so many instructions are left out where
// it holds, so many where not.
constexpr sock_filter jump(uint16_t test, uint32_t k, uint8_t yes, uint8_t no) {
  return {static_cast<uint16_t>(BPF_JMP | test | BPF_K), yes, no, k};
}

// A conditional jump reaches 255 instructions, this one any of them.
constexpr sock_filter jump_far(uint32_t over) { return statement(BPF_JMP | BPF_JA, over); }

// A word of seccomp_data.
constexpr sock_filter load(size_t offset) { return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }

constexpr sock_filter mask(uint32_t bits) { return statement(BPF_ALU | BPF_AND | BPF_K, bits); }

constexpr sock_filter answer(uint32_t action) { return statement(BPF_RET | BPF_K, action); }

// Where the lower half of an argument stands: both processors are little-endian.
constexpr size_t argument(unsigned index) { return offsetof(seccomp_data, args) + index * sizeof(uint64_t); }

inline void append(Program& to, const Program& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace vedette::bpf
