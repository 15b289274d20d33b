// SPDX-License-Identifier: Apache-2.0
// The watched program's memory, as far as decode needs it. The tracer implements it with process_vm_readv,
// the inline tier with the payload of a ring record, the tests with an array. A short read is normal: the
// program passed a bad pointer, or one near the end of a mapping; the kernel gave it EFAULT and we record
// what could be read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vedette {

class Memory {
 public:
  virtual ~Memory() = default;
  // Copies up to `size` bytes from `address`; returns how many came before the first byte that cannot be
  // read.
  virtual size_t read(uint64_t address, void* into, size_t size) = 0;
};

}  // namespace vedette
