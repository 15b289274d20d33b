// SPDX-License-Identifier: Apache-2.0
// An interpreter of classic BPF as seccomp(2) has it: what a filter answers to a call, without the kernel.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <span>

namespace vedette {

// The value that the program returns (SECCOMP_RET_*). nullopt: seccomp would not have taken this program, or
// it runs off its end. `steps` counts the instructions. seccomp's subset: net/core/filter.c, kernel/seccomp.c
// (seccomp_check_filter).
std::optional<uint32_t> run_filter(std::span<const sock_filter> program, const seccomp_data& data, int* steps = nullptr);

}  // namespace vedette
