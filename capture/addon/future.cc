// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/future.h"

#include <cstring>

#include "capture/wire/batch.h"

namespace vedette::addon {

uint64_t bound_times(std::span<uint8_t> frame, const Envelope& envelope, uint64_t now_ns) {
  const uint64_t latest = now_ns + kFutureMaxNs;
  uint64_t bounded = 0;
  if (envelope.clock > latest) {  // it stands there as eight bytes: no smaller form holds so late a time
    for (int i = 0; i < 8; i++) frame[envelope.clock_at + i] = static_cast<uint8_t>(latest >> (8 * (7 - i)));
    bounded++;
  }
  uint8_t* const records = frame.data() + (envelope.records.data() - frame.data());
  for (size_t at = 0; at < envelope.records.size();) {
    RecordHeader header;
    std::memcpy(&header, records + at, sizeof header);
    if (header.time > latest) {
      std::memcpy(records + at + offsetof(RecordHeader, time), &latest, sizeof latest);
      bounded++;
    }
    at += header.size;
  }
  return bounded;
}

}  // namespace vedette::addon
