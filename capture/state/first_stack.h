// SPDX-License-Identifier: Apache-2.0
// What the kernel puts on the stack of a new image, before its first instruction:
//
//   sp: argc | argv[0..argc) 0 | envp[0..) 0 | (tag, value)... 0 0 | ... | argument strings | environment strings | file name
//
// The same bytes that /proc/PID/cmdline and /proc/PID/environ would show at that moment, and the name the
// image was executed by, which its comm is made of; read from memory in one call instead of three files. Only
// the kernel has written there, but it wrote what the program gave it: every offset is checked, and what does
// not fit is no answer, so that /proc is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vedette {

struct FirstStack {
  std::string_view name;  // AT_EXECFN: a script's own, not its interpreter's; "/dev/fd/N..." from execveat
  std::string_view args;  // each ended by NUL
  std::string_view env;
  uint32_t uid = 0, euid = 0, gid = 0, egid = 0;  // in the program's own user namespace
  bool secure = false;    // AT_SECURE: the exec gave privileges
};

// `bytes`: a 64-bit image's memory from `sp` on, as far as it was read. Views into it; lists are cut at
// `list_max` bytes.
std::optional<FirstStack> parse_first_stack(uint64_t sp, std::string_view bytes, size_t list_max);

}  // namespace vedette
