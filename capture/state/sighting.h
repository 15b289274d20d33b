// SPDX-License-Identifier: Apache-2.0
// An event together with who did it and to what: the unit that travels from the tracer through state to the encoder.
// It holds the process and the descriptor as they were when the call meant them, even if another thread closes the
// descriptor while the call is blocked.
#pragma once

#include <string>

#include "capture/decode/event.h"
#include "capture/state/descriptor.h"
#include "capture/state/process.h"
#include "capture/state/ref.h"

namespace vedette {

struct Sighting {
  Event event;
  Ref<Process> process;
  Ref<Descriptor> descriptor;  // what fd.num refers to; empty where there is none
  std::string path;            // the first path argument, joined; kept from entry to return
  Span raw_path{kNull, 0};     // the same as passed, in event.bytes

  void reset() {
    process.reset();
    descriptor.reset();
    path.clear();
    raw_path = {kNull, 0};
  }
};

}  // namespace vedette
