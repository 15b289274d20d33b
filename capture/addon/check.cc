// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/check.h"

#include <cstring>

#include "build/generated/events.h"
#include "capture/wire/batch.h"

namespace vedette::addon {

namespace {
// Every check compares against these.
struct Limits {
  uint64_t processes, descriptors, strings;
};

template <typename T>
T load(Bytes bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Refusal corrupt(Bytes frame, Bytes section, size_t at, std::string reason) {
  return {ErrorCode::VEDETTE_BATCH_CORRUPT, static_cast<size_t>(section.data() - frame.data()) + at, std::move(reason)};
}

bool span_holds(Bytes bytes, size_t at, uint64_t strings) {
  const Span span = load<Span>(bytes, at);
  return span.offset == kNull || uint64_t{span.offset} + span.size <= strings;
}

bool index_holds(Bytes bytes, size_t at, uint64_t count) {
  const int64_t index = load<int64_t>(bytes, at);
  return index == kAbsent || index == kNull || (index >= 0 && static_cast<uint64_t>(index) < count);
}

// What is wrong with the entry at `at`, or nullptr. A process's parent stands before or after it, but never
// in a circle: readers count their steps.
const char* process_fault(Bytes table, size_t at, const Limits& limits) {
  for (int field = 0; field < kProcessFields; field++)
    if (kProcessKinds[field] == SlotKind::Span && !span_holds(table, at + 8 * field, limits.strings)) return "a text lies outside the strings";
  const auto slot = [&](ProcessField field) { return at + 8 * static_cast<size_t>(field); };
  if (!index_holds(table, slot(ProcessField::parent_), limits.processes)) return "a parent is no process of this batch";
  for (const ProcessField field : {ProcessField::stdin_, ProcessField::stdout_, ProcessField::stderr_})
    if (!index_holds(table, slot(field), limits.descriptors)) return "a standard stream is no descriptor of this batch";
  return nullptr;
}

const char* descriptor_fault(Bytes table, size_t at, const Limits& limits) {
  for (int field = 0; field < kDescriptorFields; field++)
    if (kDescriptorKinds[field] == SlotKind::Span && !span_holds(table, at + 8 * field, limits.strings)) return "a text lies outside the strings";
  return nullptr;
}

const char* record_fault(Bytes records, size_t at, const RecordHeader& header, const Limits& limits) {
  if (header.type > kEventIdMax || kEvents[header.type].name == nullptr) return "there is no such event";
  const EventInfo& event = kEvents[header.type];
  if ((header.flags & kTierMask) == static_cast<uint16_t>(Tier::Inline) && !event.may_be_inline) return "such an event is never recorded inline";
  if (header.size != sizeof(RecordHeader) + 8u * event.slots) return "a record has not the size of its event";
  if (header.size > records.size() - at) return "the last record is cut off";
  if (header.process != kNull && header.process >= limits.processes) return "a record names no process of this batch";
  if (header.descriptor != kNull && header.descriptor >= limits.descriptors) return "a record names no descriptor of this batch";
  for (int slot = 0; slot < event.slots; slot++)
    if (event.kinds[slot] == SlotKind::Span && !span_holds(records, at + sizeof header + 8 * slot, limits.strings)) return "a text lies outside the strings";
  return nullptr;
}

template <typename Fault>
Refusal check_table(Bytes frame, Bytes table, size_t stride, Fault fault, const Limits& limits) {
  if (table.size() % stride != 0) return corrupt(frame, table, 0, "a table is not a whole number of entries");
  for (size_t at = 0; at < table.size(); at += stride)
    if (const char* reason = fault(table, at, limits)) return corrupt(frame, table, at, reason);
  return {};
}

Refusal check_records(Bytes frame, const Envelope& envelope, const Limits& limits, TypeBitmap& types) {
  const Bytes records = envelope.records;
  size_t at = 0;
  for (uint64_t count = 0; count < envelope.count; count++) {
    if (records.size() - at < sizeof(RecordHeader)) return corrupt(frame, records, at, "the records end before their count");
    const RecordHeader header = load<RecordHeader>(records, at);
    if (const char* reason = record_fault(records, at, header, limits)) return corrupt(frame, records, at, reason);
    types[header.type / 32] |= 1u << (header.type % 32);
    at += header.size;
  }
  if (at != records.size()) return corrupt(frame, records, at, "bytes follow the last record");
  return {};
}
}  // namespace

Refusal check_batch(Bytes frame, Envelope& envelope, TypeBitmap& types) {
  static_assert(kEventIdMax < kTypeWords * 32);
  if (Refusal refusal = read_envelope(frame, envelope); !refusal.reason.empty()) return refusal;
  const Limits limits{envelope.processes.size() / kProcessSize, envelope.descriptors.size() / kDescriptorSize, envelope.strings.size()};
  if (Refusal refusal = check_table(frame, envelope.processes, kProcessSize, process_fault, limits); !refusal.reason.empty()) return refusal;
  if (Refusal refusal = check_table(frame, envelope.descriptors, kDescriptorSize, descriptor_fault, limits); !refusal.reason.empty()) return refusal;
  return check_records(frame, envelope, limits, types);
}

}  // namespace vedette::addon
