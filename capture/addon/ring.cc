// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/ring.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace vedette::addon {

namespace {
constexpr size_t kHead = 0, kClosed = 1, kCapacity = 2, kReaderCount = 3, kReserved = 4, kNumber = 5, kReaders = 8;
constexpr uint32_t kWaitedFor = 1;
// JavaScript cannot wake a native thread that waits for room, so it looks again this often. Only a full ring
// comes here.
constexpr std::chrono::microseconds kLookAgain{200};
// Behind this part of the ring a writer goes back to its start when all is read. So a ring takes no more
// memory than it has to. A reader that stops just then has this part before it is overtaken, and not all.
constexpr uint32_t kPartInUse = 4;
constexpr std::chrono::milliseconds kLookForStop{5};  // who is not first in line is woken when the line moves

struct Entry {
  uint32_t units, size, stream, records;
  uint32_t types[kTypeWords];
  uint32_t number, zero;
};
static_assert(sizeof(Entry) == kEntryHeaderBytes);
}  // namespace

RingWriter::RingWriter(uint8_t* bytes, size_t size) : bytes_(bytes), capacity_(static_cast<uint32_t>((size - kControlBytes) / 8)) {
  std::memset(bytes, 0, kControlBytes);
  word(kReaderCount).store(kReadersMax, std::memory_order_relaxed);
  word(kCapacity).store(capacity_, std::memory_order_release);
}

bool RingWriter::push(Bytes frame, uint32_t stream, uint32_t records, const TypeBitmap& types, const std::atomic<bool>& stop) {
  const uint32_t units = static_cast<uint32_t>((kEntryHeaderBytes + frame.size() + 7) / 8);
  std::unique_lock<std::mutex> lock(writing_);
  line_.push_back(&stop);
  const auto may_write = [&] {
    return line_.front() == &stop && free_units(word(kHead).load(std::memory_order_relaxed)) >= padding_before(units) + units;
  };
  while (!stop && !may_write()) moved_.wait_for(lock, line_.front() == &stop ? kLookAgain : kLookForStop);
  const bool is_written = !stop;
  if (is_written) write(frame, units, stream, records, types);
  line_.erase(std::find(line_.begin(), line_.end(), &stop));
  moved_.notify_all();
  return is_written;
}

// Units between the head and where an entry of this size begins: at the head, or at the ring's start.
uint32_t RingWriter::padding_before(uint32_t units) const {
  const uint32_t at = word(kHead).load(std::memory_order_relaxed) & (capacity_ - 1);
  const uint32_t to_end = capacity_ - at;
  const bool is_room_before = at >= std::max(units, capacity_ / kPartInUse);
  return to_end < units || (is_room_before && all_is_read()) ? to_end : 0;
}

bool RingWriter::all_is_read() const {
  const uint32_t head = word(kHead).load(std::memory_order_relaxed);
  for (size_t reader = 0; reader < kReadersMax; reader++)
    if (word(kReaders + 2 * reader + 1).load(std::memory_order_acquire) != 0 &&
        word(kReaders + 2 * reader).load(std::memory_order_acquire) != head)
      return false;
  return true;
}

// There is room, and nobody else writes.
void RingWriter::write(Bytes frame, uint32_t units, uint32_t stream, uint32_t records, const TypeBitmap& types) {
  uint32_t head = word(kHead).load(std::memory_order_relaxed);
  const uint32_t padding = padding_before(units);
  word(kReserved).store(head + padding + units, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before the first byte: who is not waited for looks behind its last

  uint8_t* const data = bytes_ + kControlBytes;
  if (padding != 0) {
    const uint32_t pad[2] = {padding, 0};
    std::memcpy(data + size_t{head & (capacity_ - 1)} * 8, pad, sizeof pad);
    head += padding;
  }
  Entry entry{units, static_cast<uint32_t>(frame.size()), stream, records, {}, ++number_, 0};
  std::copy(types.begin(), types.end(), entry.types);
  uint8_t* const at = data + size_t{head & (capacity_ - 1)} * 8;
  std::memcpy(at, &entry, sizeof entry);
  std::memcpy(at + sizeof entry, frame.data(), frame.size());
  word(kNumber).store(number_, std::memory_order_relaxed);
  word(kHead).store(head + units, std::memory_order_release);  // from here on, readers see it
}

uint32_t RingWriter::free_units(uint32_t head) const {
  uint32_t used = 0;
  for (size_t reader = 0; reader < kReadersMax; reader++)
    if (word(kReaders + 2 * reader + 1).load(std::memory_order_acquire) == kWaitedFor)
      used = std::max(used, head - word(kReaders + 2 * reader).load(std::memory_order_acquire));
  // A reader that is just being given its place may still show the tail of the one before: wait until it does
  // not.
  return used > capacity_ ? 0 : capacity_ - used;
}

std::atomic_ref<uint32_t> RingWriter::word(size_t index) const {
  return std::atomic_ref<uint32_t>(reinterpret_cast<uint32_t*>(bytes_)[index]);
}

}  // namespace vedette::addon
