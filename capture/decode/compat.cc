// SPDX-License-Identifier: Apache-2.0
// How each way of passing arguments is undone; see compat.h. An argument block that cannot be read counts as
// zeros: the kernel answers EFAULT, and that is what the event then says.
#include "capture/decode/compat.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <iterator>

namespace vedette {

namespace {

uint64_t join(uint64_t low, uint64_t high) { return (low & 0xffffffff) | high << 32; }
uint64_t sign_extend(uint64_t value) { return static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(value))); }

void unpack(Call& call, Memory& memory, uint64_t address, size_t count) {
  uint32_t block[6] = {};
  memory.read(address, block, count * sizeof block[0]);
  std::copy(std::begin(block), std::end(block), call.args);
}

constexpr uint64_t kNewerStructures = 0x100;  // IPC_64

// The upper half of the number is a version: 0 passes two arguments of msgrcv in a block (ipc/syscall.c).
const Row* unfold_ipc(Call& call, Memory& memory) {
  const uint64_t first = call.args[1], second = call.args[2], third = call.args[3], pointer = call.args[4], fifth = call.args[5];
  const auto set = [&call](std::initializer_list<uint64_t> args) {
    std::fill(std::copy(args.begin(), args.end(), call.args), std::end(call.args), 0);
  };
  const Row* const row = find_ipc_call(static_cast<uint32_t>(call.args[0] & 0xffff));
  if (row == nullptr) return nullptr;
  switch (row->id) {
    case EventId::semctl: {
      uint32_t value = 0;
      memory.read(pointer, &value, sizeof value);
      set({first, second, third & ~kNewerStructures, value});
      break;
    }
    case EventId::msgrcv: {
      uint32_t block[2] = {static_cast<uint32_t>(pointer), static_cast<uint32_t>(fifth)};
      if (call.args[0] >> 16 == 0) memory.read(pointer, block, sizeof block);
      set({first, block[0], second, block[1], third});
      break;
    }
    case EventId::msgsnd: set({first, pointer, second, third}); break;
    case EventId::shmat: set({first, pointer, second}); break;
    case EventId::msgctl:
    case EventId::shmctl: set({first, second & ~kNewerStructures, pointer}); break;
    default: set({first, second, third}); break;
  }
  return row;
}

}  // namespace

const Row* unfold(const Row& row, Call& call, Memory& memory) {
  uint64_t* const a = call.args;
  switch (row.fold) {
    case Fold::None:
      break;
    case Fold::Join1:
      a[1] = join(a[1], a[2]);
      break;
    case Fold::Join2:
      a[2] = join(a[2], a[3]);
      a[3] = a[4];
      a[4] = a[5];
      break;
    case Fold::Join3:
      a[3] = join(a[3], a[4]);
      break;
    case Fold::Join2Join4:
      a[2] = join(a[2], a[3]);
      a[3] = join(a[4], a[5]);
      break;
    case Fold::Signed1:
      a[1] = sign_extend(a[1]);
      break;
    case Fold::Ids16:
      for (int i = 0; i < 3; ++i) a[i] = a[i] == 0xffff ? 0xffffffff : a[i];
      break;
    case Fold::Llseek:
      a[1] = join(a[2], a[1]);
      a[2] = a[4];
      break;
    case Fold::Pages:
      a[5] *= 4096;
      break;
    case Fold::Packed:
      unpack(call, memory, a[0], 6);
      break;
    case Fold::Command1:
      a[1] &= ~kNewerStructures;
      break;
    case Fold::Command2:
      a[2] &= ~kNewerStructures;
      break;
    case Fold::Ipc:
      return unfold_ipc(call, memory);
    case Fold::Multiplex: {
      const Multiplexed target = find_multiplexed(static_cast<uint32_t>(a[0]));
      if (target.row != nullptr) unpack(call, memory, a[1], target.arguments);
      return target.row;
    }
  }
  return &row;
}

}  // namespace vedette
