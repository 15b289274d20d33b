// SPDX-License-Identifier: Apache-2.0
// One call from entry to return, on made-up memory, as the tests of decode write it.
#pragma once

#include <cerrno>
#include <initializer_list>
#include <string_view>

#include "capture/decode/decoder.h"
#include "capture/decode/syscalls.h"
#include "test/capture/decode/array_memory.h"

namespace vedette {

inline uint32_t number_of(std::string_view name, Abi abi = kNativeAbi) {
  for (const Row& row : rows_of(abi)) {
    if (name == row.name) return row.nr;
  }
  return UINT32_MAX;
}

struct OneCall {
  ArrayMemory memory;
  Limits limits;
  Event event;
  Call call;

  bool enter(uint32_t nr, std::initializer_list<uint64_t> args, Abi abi = kNativeAbi) {
    call = Call{.tid = 7, .abi = abi, .nr = nr, .enter_ns = 100};
    std::copy(args.begin(), args.end(), call.args);
    return decode_enter(call, memory, limits, event);
  }
  bool enter(std::string_view name, std::initializer_list<uint64_t> args) { return enter(number_of(name), args); }
  void exit(int64_t result) {
    call.exit_ns = 250;
    call.result = result;
    call.returned = true;
    decode_exit(call, memory, limits, event);
  }
  bool has_flag(RecordFlags flag) const { return (event.flags & flag) != 0; }
};

}  // namespace vedette
