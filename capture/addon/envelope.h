// SPDX-License-Identifier: Apache-2.0
// The envelope of a frame: the little of msgpack that docs/wire.md uses, read strictly and without building
// anything. The bytes come from the side of a traced container: each length is checked before it is believed,
// and what does not hold is a reason in words, never a guess. host/wire/envelope.ts is the twin.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "build/generated/errors.h"

namespace vedette::addon {

using Bytes = std::span<const uint8_t>;
inline constexpr size_t kLostMax = 64;

// Why bytes are not believed: the code of the catalogue, where they stop making sense, and the sentence's
// {reason}. An empty reason means that they are.
struct Refusal {
  ErrorCode code = ErrorCode::VEDETTE_BATCH_CORRUPT;
  size_t offset = 0;
  std::string reason;
};

// Reads values one after another. After a value that does not hold, `refusal` says why and all that follows
// is empty.
class EnvelopeReader {
 public:
  explicit EnvelopeReader(Bytes bytes) : bytes_(bytes) {}

  uint32_t array();                // how many elements follow
  std::string_view text();         // str
  Bytes bin(size_t most);          // bin of at most `most` bytes
  uint64_t uint();                 // unsigned, in any width, or a whole double
  bool at_end() const { return at_ == bytes_.size(); }
  size_t at() const { return at_; }

  bool ok() const { return refusal_.reason.empty(); }
  const Refusal& refusal() const { return refusal_; }
  void refuse(std::string reason);

 private:
  uint64_t big_endian(size_t width);
  Bytes take(size_t size);
  uint8_t tag();
  void refuse_tag(const char* wanted, uint8_t tag);

  Bytes bytes_;
  size_t at_ = 0;
  Refusal refusal_;
};

// A batch: its numbers, and its four sections as views.
struct Envelope {
  uint64_t version = 0, schema = 0, seq = 0, clock = 0, first = 0, count = 0;
  size_t clock_at = 0;  // its last eight bytes, where it has as many
  Bytes source, processes, descriptors, strings, records;
  std::array<uint64_t, kLostMax> lost{};
  size_t lost_count = 0;
};

// The name of a frame (element 0), empty when it is none.
std::string_view frame_name(Bytes frame);

// Fills `envelope`, or says why the batch is refused.
Refusal read_envelope(Bytes frame, Envelope& envelope);

}  // namespace vedette::addon
