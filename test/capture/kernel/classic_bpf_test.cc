// SPDX-License-Identifier: Apache-2.0
#include "test/capture/kernel/classic_bpf.h"

#include <doctest/doctest.h>

#include <vector>

using namespace vedette;

namespace {

using Program = std::vector<sock_filter>;

constexpr sock_filter kReturnA = BPF_STMT(BPF_RET | BPF_A, 0);

std::optional<uint32_t> answer(const Program& program, uint64_t argument = 0) { return run_filter(program, call(7, {argument})); }

}  // namespace

TEST_CASE("what seccomp takes is calculated as the kernel does") {
  CHECK(answer({BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), kReturnA}) == sizeof(seccomp_data));
  CHECK(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), kReturnA}) == 7);
  CHECK(answer({BPF_STMT(BPF_LD | BPF_IMM, 6), BPF_STMT(BPF_LDX | BPF_IMM, 4), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0), kReturnA}) == 24);
  CHECK(answer({BPF_STMT(BPF_LD | BPF_IMM, 6), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_IMM, 0), BPF_STMT(BPF_LD | BPF_MEM, 3), kReturnA}) == 6);
  CHECK(answer({BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0),
                BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0), kReturnA}) == 2);
}

TEST_CASE("a jump goes by the comparison with the constant or the other register") {
  const Program is_above_five{BPF_STMT(BPF_LDX | BPF_IMM, 5), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
                              BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1), BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_RET | BPF_K, 2)};
  CHECK(answer(is_above_five, 6) == 1);
  CHECK(answer(is_above_five, 5) == 2);
}

TEST_CASE("a program that seccomp would not have taken has no answer") {
  CHECK_FALSE(answer({}));
  CHECK_FALSE(answer({BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff)}));
  CHECK_FALSE(answer({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(seccomp_data)), kReturnA}));
  CHECK_FALSE(answer({BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS), kReturnA}));
  CHECK_FALSE(answer({BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), kReturnA}));
  CHECK_FALSE(answer({BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0), kReturnA}));
}
