// SPDX-License-Identifier: Apache-2.0
// Somebody's way into the books of another. A stub finds its ring by GS base, which a program can set without
// a call; and a ring is memory that another process may have attached. So the kernel is asked what a stopped
// thread's GS base is, and who has its ring.
//
//   GS base finds   its own ring, or the one that is always full        as it should be
//                   a ring of another thread, or memory of its own
//                   where a ring would be                               an intrusion: its calls would be recorded where nobody reads
//                   anything else                                       the program uses GS for itself: that must stay, and is not told of
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "capture/inline/task.h"

namespace vedette {

// `told`: what is told of it; empty of who uses GS for himself. `why`: why the program is traced from then
// on.
struct Intrusion {
  std::string told;
  std::string_view why;
};

// Of a stopped thread.
std::optional<Intrusion> intrusion_of(Task& task);
// Also of one whose image has been given up meanwhile: whether it still finds another's ring.
bool finds_anothers_ring(Task& task);
// A thread has recorded while it was in a call.
Intrusion took_another_ring();

}  // namespace vedette
