// SPDX-License-Identifier: Apache-2.0
// Which of the capabilities that matter to us this process has, in effect.
#pragma once

#include <cstdint>

namespace vedette {

enum class Capability : uint8_t { SysPtrace = 19, SysAdmin = 21, Perfmon = 38, Bpf = 39 };

bool has_capability(Capability capability);

}  // namespace vedette
