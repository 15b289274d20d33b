// SPDX-License-Identifier: Apache-2.0
// How each way of passing arguments is undone; see compat.h. An argument block that cannot be read counts as zeros: the
// kernel answers EFAULT, and that is what the event then says.
#include "capture/decode/compat.h"

#include <algorithm>
#include <cstring>
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
    case Fold::Multiplex: {
      const SocketCall target = find_socket_call(static_cast<uint32_t>(a[0]));
      if (target.row != nullptr) unpack(call, memory, a[1], target.arguments);
      return target.row;
    }
  }
  return &row;
}

}  // namespace vedette
