// SPDX-License-Identifier: Apache-2.0
// A frame that a peer sends: any bytes, or sections of any bytes in an envelope that holds. What is let into
// the ring is walked as its readers walk it: without looking at a length again. (libFuzzer: docs/testing.md)
#include <cstdlib>
#include <cstring>
#include <vector>

#include "build/generated/events.h"
#include "capture/addon/check.h"
#include "capture/addon/future.h"
#include "capture/wire/batch.h"

using namespace vedette;
using namespace vedette::addon;

namespace {

volatile uint8_t seen;

class Frame {
 public:
  void byte(uint8_t value) { bytes_.push_back(value); }
  void uint(uint64_t value) {
    byte(0xcf);
    for (int shift = 56; shift >= 0; shift -= 8) byte(static_cast<uint8_t>(value >> shift));
  }
  void text(std::string_view value) {
    byte(static_cast<uint8_t>(0xa0 | value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  void bin(std::span<const uint8_t> value) {
    byte(0xc5);
    byte(static_cast<uint8_t>(value.size() >> 8));
    byte(static_cast<uint8_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// Counts and sizes from the first bytes, sections from the rest.
std::vector<uint8_t> envelope_around(std::span<const uint8_t> bytes) {
  const auto take = [&](size_t size) {
    const std::span<const uint8_t> part = bytes.first(std::min(size, bytes.size()));
    bytes = bytes.subspan(part.size());
    return part;
  };
  const auto number = [&] { const auto one = take(1); return one.empty() ? size_t{0} : size_t{one[0]}; };
  Frame frame;
  frame.byte(0x9d);  // an array of 13
  frame.text(kBatchMagic);
  frame.uint(kBatchVersion);
  frame.uint(kSchema);
  const std::vector<uint8_t> source(16, 1);
  frame.bin(source);
  frame.uint(number());
  frame.uint(number() << 56);
  frame.uint(number());
  const size_t records = number() % 32, processes = number() % 8, descriptors = number() % 8, strings = number() * 4;
  frame.uint(records);
  frame.byte(0x90);  // none lost
  frame.bin(take(processes * kProcessSize));
  frame.bin(take(descriptors * kDescriptorSize));
  frame.bin(take(strings));
  frame.bin(take(0xffff));
  return frame.take();
}

void touch(Bytes bytes) {
  for (const uint8_t byte : bytes) seen = byte;
}

void walk_span(Bytes table, size_t at, Bytes strings) {
  Span span;
  std::memcpy(&span, table.data() + at, sizeof span);
  if (span.offset != kNull) touch(strings.subspan(span.offset, span.size));
}

void walk(const Envelope& envelope) {
  for (size_t at = 0; at < envelope.processes.size(); at += kProcessSize) {
    for (int field = 0; field < kProcessFields; field++) {
      if (kProcessKinds[field] == SlotKind::Span) walk_span(envelope.processes, at + 8 * static_cast<size_t>(field), envelope.strings);
    }
  }
  size_t at = 0;
  for (uint64_t i = 0; i < envelope.count; i++) {
    RecordHeader header;
    if (envelope.records.size() - at < sizeof header) std::abort();
    std::memcpy(&header, envelope.records.data() + at, sizeof header);
    const EventInfo& event = kEvents[header.type];
    for (int slot = 0; slot < event.slots; slot++) {
      if (event.kinds[slot] == SlotKind::Span) walk_span(envelope.records, at + sizeof header + 8 * static_cast<size_t>(slot), envelope.strings);
    }
    if (header.process != kNull) touch(envelope.processes.subspan(header.process * size_t{kProcessSize}, kProcessSize));
    if (header.descriptor != kNull) touch(envelope.descriptors.subspan(header.descriptor * size_t{kDescriptorSize}, kDescriptorSize));
    at += header.size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  std::vector<uint8_t> frame = data[0] == 0 ? std::vector<uint8_t>(rest.begin(), rest.end()) : envelope_around(rest);
  (void)frame_name(frame);
  Envelope envelope;
  TypeBitmap types{};
  if (!check_batch(frame, envelope, types).reason.empty()) return 0;
  walk(envelope);
  (void)bound_times(frame, envelope, 1'700'000'000'000'000'000);
  walk(envelope);
  return 0;
}
