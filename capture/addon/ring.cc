// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/ring.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace vedette::addon {

namespace {
constexpr size_t kHead = 0, kClosed = 1, kCapacity = 2, kReaderCount = 3, kReserved = 4, kNumber = 5, kReaders = 8;
constexpr uint32_t kWaitedFor = 1;
// JavaScript cannot wake a native thread that waits for room, so it looks again this often. Only a full ring comes here.
constexpr std::chrono::microseconds kLookAgain{200};

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
  const std::lock_guard<std::mutex> lock(writing_);
  const uint32_t units = static_cast<uint32_t>((kEntryHeaderBytes + frame.size() + 7) / 8);
  uint32_t head = word(kHead).load(std::memory_order_relaxed);  // only writers move it, and they hold the lock
  const uint32_t to_end = capacity_ - (head & (capacity_ - 1));
  const uint32_t padding = to_end < units ? to_end : 0;
  if (!wait_for(padding + units, head, stop)) return false;
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
  return true;
}

bool RingWriter::wait_for(uint32_t units, uint32_t head, const std::atomic<bool>& stop) const {
  while (free_units(head) < units) {
    if (stop.load(std::memory_order_relaxed)) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
  return true;
}

uint32_t RingWriter::free_units(uint32_t head) const {
  uint32_t used = 0;
  for (size_t reader = 0; reader < kReadersMax; reader++)
    if (word(kReaders + 2 * reader + 1).load(std::memory_order_acquire) == kWaitedFor)
      used = std::max(used, head - word(kReaders + 2 * reader).load(std::memory_order_acquire));
  // A reader that is just being given its place may still show the tail of the one before: wait until it does not.
  return used > capacity_ ? 0 : capacity_ - used;
}

std::atomic_ref<uint32_t> RingWriter::word(size_t index) const {
  return std::atomic_ref<uint32_t>(reinterpret_cast<uint32_t*>(bytes_)[index]);
}

}  // namespace vedette::addon
