// SPDX-License-Identifier: Apache-2.0
// Calls to run a filter on.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <initializer_list>

#include "capture/kernel/arch.h"
#include "capture/kernel/classic_bpf.h"

namespace vedette {

inline seccomp_data call(uint32_t nr, std::initializer_list<uint64_t> args = {}) {
  seccomp_data data{};
  data.nr = static_cast<int>(nr);
  data.arch = kAuditNative;
  int i = 0;
  for (const uint64_t arg : args) data.args[i++] = arg;
  return data;
}

}  // namespace vedette
