// SPDX-License-Identifier: Apache-2.0
// A stopped task's memory, as decode asks for it.
#pragma once

#include "capture/decode/memory.h"
#include "capture/kernel/remote_memory.h"

namespace vedette {

class TaskMemory final : public Memory {
 public:
  explicit TaskMemory(RemoteMemory& memory) : memory_(memory) {}
  size_t read(uint64_t address, void* into, size_t size) override { return memory_.read(address, into, size); }

 private:
  RemoteMemory& memory_;
};

}  // namespace vedette
