// SPDX-License-Identifier: Apache-2.0
// The writing side of the ring in a SharedArrayBuffer that JavaScript reads (host/capture/ring.ts, the twin
// of this file). Many threads write, one at a time; up to 28 readers read, each at its own pace, and the
// slowest active one is waited for: a full ring stops the stream's thread, the socket fills, and the agent's
// spool bounds and counts what follows. A reader that nobody waits for may be overtaken: it sees by
// `reserved` that what it read was being written over.
//
// Writers stand in line. Who waits for its turn or for room holds no lock, and leaves as soon as it is told
// to stop.
//
//   control, u32 words:  0 head   1 closed   2 capacity (8-byte units, a power of two)   3 readers
//                        4 reserved: up to here a writer may be writing   5 number of the last batch
//                        8.. one pair a reader: tail, active (0 no, 1 waited for, 2 not waited for)
//   entry, 8-byte aligned, never split:  u32 units (whole entry)  u32 size (0: padding to the ring's end)
//                                        u32 stream  u32 records  64 bytes: bitmap of event types
//                                        u32 number, from 1  u32 0  then `size` bytes
//   positions count 8-byte units and wrap at 2^32.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "capture/addon/envelope.h"

namespace vedette::addon {

inline constexpr size_t kControlBytes = 256;
inline constexpr size_t kEntryHeaderBytes = 88;
inline constexpr size_t kTypeWords = 16;  // event ids up to 511
inline constexpr size_t kReadersMax = 28;  // as many as the control block holds

using TypeBitmap = std::array<uint32_t, kTypeWords>;

class RingWriter {
 public:
  // `bytes` is kControlBytes and then 8 << n bytes of entries; it outlives this object. The control block is
  // set up here.
  RingWriter(uint8_t* bytes, size_t size);

  // Waits until there is room; false when `stop` was set before there was: it is looked at every 5 ms.
  bool push(Bytes frame, uint32_t stream, uint32_t records, const TypeBitmap& types, const std::atomic<bool>& stop);

  // The longest frame that fits at all: half of the ring, so that one entry and the padding before it always
  // find room.
  size_t frame_max() const { return capacity_ * 4 - kEntryHeaderBytes; }

 private:
  uint32_t free_units(uint32_t head) const;
  uint32_t padding_before(uint32_t units) const;
  bool all_is_read() const;
  void write(Bytes frame, uint32_t units, uint32_t stream, uint32_t records, const TypeBitmap& types);
  std::atomic_ref<uint32_t> word(size_t index) const;

  std::mutex writing_;
  std::condition_variable moved_;     // the line has
  std::deque<const void*> line_;      // who wants to write, by its `stop`
  uint8_t* bytes_;
  uint32_t capacity_;  // in units
  uint32_t number_ = 0;
};

}  // namespace vedette::addon
