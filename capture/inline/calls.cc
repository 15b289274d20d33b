// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/calls.h"

#include <linux/fs.h>
#include <sys/syscall.h>

namespace vedette {

std::optional<Shape> inline_shape(uint32_t nr, Integrity integrity) {
  for (const InlineCall& call : inline_calls()) {
    if (call.nr == nr && !(call.stops_if_strict && integrity == Integrity::Strict)) return call.shape;
  }
  return {};
}

bool may_be_recorded(uint32_t nr, const uint64_t (&args)[6]) {
  return nr != SYS_ioctl || static_cast<uint32_t>(args[1]) == FICLONE;
}

bool is_open(uint32_t nr) {
  const std::optional<Shape> shape = inline_shape(nr, Integrity::Normal);
  return shape == Shape::Open0 || shape == Shape::Open1;
}

bool waits_for_names(uint32_t nr) {
  const std::optional<Shape> shape = inline_shape(nr, Integrity::Normal);
  return shape && *shape >= Shape::Change0 && *shape <= Shape::Changes02;
}

bool tells_folder(uint32_t nr) {
  const std::optional<Shape> shape = inline_shape(nr, Integrity::Normal);
  return shape == Shape::Folder0 || shape == Shape::FolderFd;
}

bool makes_descriptor(uint32_t nr) {
  const std::optional<Shape> shape = inline_shape(nr, Integrity::Normal);
  return shape == Shape::Made || shape == Shape::Socket || shape == Shape::Pair0 || shape == Shape::Pair3;
}

bool keeps_inputs(uint32_t nr) {
  const std::optional<Shape> shape = inline_shape(nr, Integrity::Normal);
  if (shape == Shape::Offset2 || shape == Shape::Offsets13) return true;
  return shape && (is_open(nr) || (*shape >= Shape::Name0 && *shape <= Shape::Folder0));
}

}  // namespace vedette
