// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/emitter.h"

#include <algorithm>

namespace vedette {

std::optional<Patch> make_patch(FileView file, const ElfImage& image, uint64_t address, uint64_t size, unsigned taken, uint8_t opcode, uint64_t target) {
  Patch patch;
  const auto offset = image.offset_of(address);
  const auto distance = distance_to(target, address + kJumpSize);
  if (!offset || !distance || size > Patch::kMax || file.part(*offset, size).size() != size) return {};
  patch.address = address;
  patch.size = static_cast<uint8_t>(size);
  memcpy(patch.before.data(), file.data() + *offset, size);
  patch.after = patch.before;
  std::fill_n(patch.after.begin(), taken, uint8_t{0xcc});
  patch.after[0] = opcode;
  memcpy(patch.after.data() + 1, &*distance, sizeof *distance);
  return patch;
}

}  // namespace vedette
