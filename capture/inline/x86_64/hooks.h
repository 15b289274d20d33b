// SPDX-License-Identifier: Apache-2.0
// The functions of TLS libraries that take and give plaintext, found by dynamic symbol, and the code that
// goes before them (--tls-plaintext):
//
//   function  jmp hook                      instead of its first instructions, five bytes or more
//   hook      object, buffer, time kept on the stack; call moved
//             no plaintext, nor a connection to be shown: return
//             OpenSSL: call SSL_get_fd
//             write(mark, buffer, bytes, object, time, library and descriptor)    as every stub does (wire/plaintext.h)
//             return the function's result
//   moved     the function's first instructions; jmp behind them
//
// A hook is an ordinary function: it takes no register that its caller keeps, calls and returns in pairs, and
// is on the stack while the library works. What it does not understand it leaves alone: a function whose
// first instructions cannot move stays as it is, and is counted.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/inline/x86_64/stubs.h"

namespace vedette {

// How a function says what it has done.
enum class HookResult : uint8_t {
  Int,        // bytes, or 0 and less
  Long,
  Success,    // 1, and the bytes stand where argument 3 points
  None,       // no plaintext: the connection is shown
};

struct HookedFunction {
  std::string_view name;
  bool is_read;
  HookResult result;
  uint8_t library;  // of flags.yaml: tls_library
};

struct Hook {
  const HookedFunction* function = nullptr;
  uint64_t address = 0;
  Refusal refusal = Refusal::None;
  uint8_t moved_count = 0;
  MovedInstruction moved[Site::kMovedMax];

  unsigned taken() const {
    unsigned size = 0;
    for (unsigned i = 0; i < moved_count; ++i) size += moved[i].size;
    return size;
  }
};

struct FileHooks {
  std::vector<Hook> hooks;
  uint64_t asks_descriptor = 0;  // SSL_get_fd; 0: the library has none
};

struct HookImage {
  std::vector<uint8_t> code;
  std::vector<Patch> patches;     // one a hook that could be built
  std::vector<uint64_t> clocks;   // where the hooks read the time: faults there, where a program may not
};

// What of these a library or program has, and what could be moved.
FileHooks find_hooks(FileView file, const ElfImage& image);
// For an image that lies that far from the file's address 0.
HookImage build_hooks(FileView file, const ElfImage& image, const FileHooks& found, int64_t distance);

}  // namespace vedette
