// SPDX-License-Identifier: Apache-2.0
// Whether a batch holds what docs/wire.md promises, so that whoever reads it from the ring can load without
// looking: sections are whole, records follow one another and carry their event's slots, every index and
// every span stays inside its table. host/wire/check.ts is the twin for batches that did not come through
// here.
#pragma once

#include "capture/addon/envelope.h"
#include "capture/addon/ring.h"

namespace vedette::addon {

// Fills `envelope` and the event types that occur, or says why the batch is refused.
Refusal check_batch(Bytes frame, Envelope& envelope, TypeBitmap& types);

}  // namespace vedette::addon
