// SPDX-License-Identifier: Apache-2.0
// Which calls are recorded inline, and by which shape of recorder. A row of the capture set is eligible when
// events.yaml calls it hot or warm (of ioctl's requests FICLONE alone) and everything its roles read from
// memory is what the shape records;
// test/e2e/exactly-once.test.ts makes each of them, and holds what is recorded against what the trace tier
// says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "capture/inline/integrity.h"
#include "capture/tracee/page.h"

namespace vedette {

struct InlineCall {
  uint32_t nr;
  Shape shape;
  bool stops_if_strict;
};

// A call that sets a mode, and which argument that is.
struct ModeCall {
  uint32_t nr;
  uint8_t argument;
  bool makes_node;  // a node of a device, too
};

// The processor's: its folder has the numbers.
std::span<const InlineCall> inline_calls();
std::span<const ModeCall> mode_calls();

std::optional<Shape> inline_shape(uint32_t nr, Integrity integrity);
// Whether a record may have these arguments. Of ioctl the stub makes one request.
bool may_be_recorded(uint32_t nr, const uint64_t (&args)[6]);
bool is_open(uint32_t nr);
// Whether it changes what names mean, so that the stub makes it at some times only (name_moves.h).
bool waits_for_names(uint32_t nr);
// Whether it sets the working directory.
bool tells_folder(uint32_t nr);
// Whether it makes descriptors that no path leads to, of which the stub asks what they are.
bool makes_descriptor(uint32_t nr);
// Whether the record has from before the call what memory may no longer say behind it: the texts, of which
// the kernel gets the record's copies, and offsets, which it moves on.
bool keeps_inputs(uint32_t nr);

}  // namespace vedette
