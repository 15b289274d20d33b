// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/ring.h"

#include <algorithm>
#include <cstring>

namespace vedette {

std::unique_ptr<Ring> Ring::create(size_t data_bytes) {
  auto ring = std::make_unique<Ring>();
  ring->segment_ = Segment::create(VEDETTE_RING_DATA + data_bytes + VEDETTE_RECORD_MAX, Segment::Use::Data);
  if (!ring->segment_.is_open()) return nullptr;
  ring->data_bytes_ = data_bytes;
  ring->reset();
  return ring;
}

void Ring::reset() {
  position_ = 0;
  seen_ = 0;
  narrow_ = false;
  whole_ = true;
  Context& context = this->context();
  context.head = 0;
  context.tail = 0;
  context.resume = 0;
  context.in_flight = 0;
  context.no_facts = 0;
  context.no_folder = 0;
  context.mask = data_bytes_ - 1;
  context.records = records_;
  context.room = data_bytes_ - VEDETTE_RECORD_MAX;
  context.room_end = data_bytes_ - VEDETTE_RECORD_MAX;
}

bool Ring::give_back_loose() {
  const uint64_t room_end = context().room_end.load(std::memory_order_acquire);
  if (std::max(room_end, head()) > position_ + kNarrow) {
    narrow();  // it was looking for room at that very moment
    return false;
  }
  // What it can reach: [position, + kNarrow], and one record behind; that may go over the end of the data,
  // into the slack.
  const size_t from = position_ & (data_bytes_ - 1), to = from + kNarrow;
  const size_t end = data_bytes_ + VEDETTE_RECORD_MAX;
  const auto give = [&](size_t first, size_t last) { return segment_.give_back(VEDETTE_RING_DATA + first, last - first); };
  const bool given = to < data_bytes_ ? give(0, from) && give(to + VEDETTE_RECORD_MAX, end)
                                      : give(to - data_bytes_ + VEDETTE_RECORD_MAX, from);
  if (!given) return false;
  whole_ = false;
  kept_from_ = position_;
  return true;
}

void Ring::give_back_all() {
  (void)segment_.give_back(VEDETTE_RING_DATA, segment_.bytes() - VEDETTE_RING_DATA);
  whole_ = false;
  kept_from_ = position_;
}

Ring::Next Ring::next(RecordCopy& copy) {
  if (!has_records() && look() == 0) return Next::Empty;
  const uint64_t waiting = seen_ - position_;
  uint32_t size = 0;
  if (waiting <= data_bytes_) memcpy(&size, at(position_), sizeof size);
  const bool fits = size >= VEDETTE_REC_CHUNKS && size <= VEDETTE_RECORD_MAX && size % 8 == 0 && size <= waiting;
  if (fits) {
    memcpy(copy.bytes_, at(position_), size);
    memcpy(copy.bytes_, &size, sizeof size);  // the one that was checked
    position_ += size;
    if (copy.check_chunks()) return Next::Record;
  }
  position_ += look();
  release();
  return Next::Damaged;
}

uint64_t Ring::next_exit_tsc() const {
  uint64_t tsc;
  memcpy(&tsc, at(position_) + VEDETTE_REC_EXIT, sizeof tsc);
  return tsc;
}

bool Ring::begin(const RingRecord& call, uint64_t resume) {
  Context& context = this->context();
  if (head() != position_ || context.mask != data_bytes_ - 1 || context.records != records_) return false;
  memcpy(segment_.base() + VEDETTE_RING_DATA + (position_ & (data_bytes_ - 1)), &call, sizeof call);
  context.resume.store(resume, std::memory_order_relaxed);
  context.in_flight.store(position_ | 1, std::memory_order_release);
  return true;
}

bool Ring::in_flight(RingRecord& into) const {
  if (context().in_flight.load(std::memory_order_acquire) != (head() | 1)) return false;
  into = current();
  return true;
}

RingRecord Ring::current() const {
  RingRecord record;
  memcpy(&record, at(head()), sizeof record);
  return record;
}

bool Ring::current_inputs(RecordCopy& into, bool is_sized) const {
  memcpy(into.bytes_, at(head()), sizeof into.bytes_);
  RingRecord& record = *reinterpret_cast<RingRecord*>(into.bytes_);
  RingChunk first;
  memcpy(&first, into.bytes_ + VEDETTE_REC_CHUNKS, sizeof first);
  if (!is_sized && first.size <= VEDETTE_PATH_MAX) record.size = VEDETTE_REC_CHUNKS + VEDETTE_CHUNK_DATA + ((first.size + 7) & ~7u);
  return record.size > VEDETTE_REC_CHUNKS && record.size <= VEDETTE_RECORD_MAX && record.size % 8 == 0 && into.check_chunks();
}

bool RecordCopy::check_chunks() {
  chunk_count_ = 0;
  is_contradictory_ = false;
  const uint32_t size = record().size;
  for (uint32_t at = VEDETTE_REC_CHUNKS; at < size;) {
    if (size - at < sizeof(RingChunk) || chunk_count_ == kChunksMax) return false;
    RingChunk chunk;
    memcpy(&chunk, bytes_ + at, sizeof chunk);
    at += sizeof chunk;
    if (chunk.reserved != 0 || chunk.size == 0 || chunk.size > size - at) return false;
    chunks_[chunk_count_++] = {chunk.address, chunk.size, at};
    at += (chunk.size + 7) & ~7u;
  }
  return true;
}

// Both hold `from`.
bool RecordCopy::agree(const Chunk& one, const Chunk& other, uint64_t from) const {
  const uint64_t in_one = from - one.address, in_other = from - other.address;
  const size_t both = std::min(one.size - in_one, other.size - in_other);
  return memcmp(bytes_ + one.at + in_one, bytes_ + other.at + in_other, both) == 0;
}

size_t RecordCopy::read(uint64_t address, void* into, size_t size) {
  const Chunk* holding = nullptr;
  for (unsigned i = 0; i < chunk_count_; ++i) {
    const Chunk& chunk = chunks_[i];
    if (address - chunk.address >= chunk.size) continue;
    const bool begins = chunk.address == address;
    if (holding == nullptr || (begins && holding->address != address)) {
      holding = &chunk;
    } else if (begins == (holding->address == address) && !agree(*holding, chunk, address)) {
      is_contradictory_ = true;
      return 0;
    }
  }
  if (holding == nullptr) return 0;
  const uint64_t offset = address - holding->address;
  const size_t served = std::min<uint64_t>(size, holding->size - offset);
  memcpy(into, bytes_ + holding->at + offset, served);
  return served;
}

}  // namespace vedette
