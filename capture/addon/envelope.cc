// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/envelope.h"

#include <bit>
#include <cmath>
#include <utility>

#include "build/generated/events.h"
#include "capture/wire/batch.h"

namespace vedette::addon {

namespace {
constexpr uint32_t kElements = 13;
constexpr uint64_t kExact = 1ull << 53;  // a JavaScript number holds integers up to here

void read_lost(EnvelopeReader& reader, Envelope& envelope) {
  const uint32_t lost = reader.array();
  if (lost > kLostMax) reader.refuse("its list of lost counters is too long");
  for (size_t i = 0; reader.ok() && i < lost; i++) {
    envelope.lost[i] = reader.uint();
    if (envelope.lost[i] >= kExact) reader.refuse("a lost counter is too large for a count");
    envelope.lost_count = i + 1;
  }
}
}  // namespace

std::string_view frame_name(Bytes frame) {
  EnvelopeReader reader(frame);
  if (reader.array() == 0) return {};
  return reader.text();
}

Refusal read_envelope(Bytes frame, Envelope& envelope) {
  EnvelopeReader reader(frame);
  if (reader.array() != kElements) reader.refuse("it is not an array of 13 elements");
  if (reader.text() != kBatchMagic) reader.refuse("it does not begin with the name of the format");
  envelope.version = reader.uint();
  envelope.schema = reader.uint();
  if (reader.ok() && (envelope.version != kBatchVersion || envelope.schema != kSchema))
    return {ErrorCode::VEDETTE_SCHEMA_MISMATCH, 0, "version " + std::to_string(envelope.version) + ", schema " + std::to_string(envelope.schema)};
  envelope.source = reader.bin(16);
  if (envelope.source.size() != 16) reader.refuse("its source is not 16 bytes");
  envelope.seq = reader.uint();
  envelope.clock = reader.uint();
  envelope.clock_at = reader.at() < 8 ? 0 : reader.at() - 8;
  envelope.first = reader.uint();
  if (envelope.seq >= kExact || envelope.first >= kExact) reader.refuse("a number is too large for a count");
  envelope.count = reader.uint();
  if (envelope.count > kBatchRecordsMax) reader.refuse("it claims " + std::to_string(envelope.count) + " records");
  read_lost(reader, envelope);
  envelope.processes = reader.bin(kBatchBytesMax);
  envelope.descriptors = reader.bin(kBatchBytesMax);
  envelope.strings = reader.bin(kBatchBytesMax);
  envelope.records = reader.bin(kBatchBytesMax);
  if (!reader.at_end()) reader.refuse("bytes follow its end");
  if (envelope.processes.size() + envelope.descriptors.size() + envelope.strings.size() + envelope.records.size() > kBatchBytesMax)
    reader.refuse("it is larger than 1 MiB");
  return reader.refusal();
}

uint32_t EnvelopeReader::array() {
  const uint8_t first = tag();
  if ((first & 0xf0) == 0x90) return first & 0x0f;
  if (first == 0xdc) return static_cast<uint32_t>(big_endian(2));
  if (first == 0xdd) return static_cast<uint32_t>(big_endian(4));
  refuse_tag("an array", first);
  return 0;
}

std::string_view EnvelopeReader::text() {
  const uint8_t first = tag();
  size_t size = 0;
  if ((first & 0xe0) == 0xa0) size = first & 0x1f;
  else if (first == 0xd9) size = big_endian(1);
  else if (first == 0xda) size = big_endian(2);
  else refuse_tag("a text", first);
  const Bytes bytes = take(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes EnvelopeReader::bin(size_t most) {
  const uint8_t first = tag();
  size_t size = 0;
  if (first == 0xc4) size = big_endian(1);
  else if (first == 0xc5) size = big_endian(2);
  else if (first == 0xc6) size = big_endian(4);
  else refuse_tag("bytes", first);
  if (size > most) {
    refuse("a section of " + std::to_string(size) + " bytes is longer than " + std::to_string(most));
    return {};
  }
  return take(size);
}

uint64_t EnvelopeReader::uint() {
  const uint8_t first = tag();
  if (first < 0x80) return first;
  if (first >= 0xcc && first <= 0xcf) return big_endian(size_t{1} << (first - 0xcc));
  if (first >= 0xd0 && first <= 0xd3) {  // signed: other writers use it for positive numbers too
    const size_t width = size_t{1} << (first - 0xd0);
    const uint64_t value = big_endian(width);
    if (value >> (8 * width - 1) != 0) refuse("a count is negative");
    return value;
  }
  if (first == 0xcb) {
    const double value = std::bit_cast<double>(big_endian(8));
    if (value >= 0 && value < static_cast<double>(kExact) && value == std::floor(value)) return static_cast<uint64_t>(value);
    refuse("a count is not a whole number");
    return 0;
  }
  refuse_tag("an unsigned integer", first);
  return 0;
}

void EnvelopeReader::refuse(std::string reason) {
  if (!ok()) return;  // the first cause wins
  refusal_.offset = at_;
  refusal_.reason = std::move(reason);
}

void EnvelopeReader::refuse_tag(const char* wanted, uint8_t tag) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string reason = "0x";
  reason += kHex[tag >> 4];
  reason += kHex[tag & 15];
  refuse(reason + " stands where " + wanted + " should begin");
}

uint8_t EnvelopeReader::tag() {
  return static_cast<uint8_t>(big_endian(1));
}

uint64_t EnvelopeReader::big_endian(size_t width) {
  uint64_t value = 0;
  for (const uint8_t byte : take(width)) value = value << 8 | byte;
  return value;
}

Bytes EnvelopeReader::take(size_t size) {
  if (!ok()) return {};
  if (size > bytes_.size() - at_) {
    refuse("it ends at byte " + std::to_string(bytes_.size()) + ", in the middle of a value");
    return {};
  }
  const Bytes taken = bytes_.subspan(at_, size);
  at_ += size;
  return taken;
}

}  // namespace vedette::addon
