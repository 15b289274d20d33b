// SPDX-License-Identifier: Apache-2.0
// A thread's ring, as the tracer holds it: a System V segment, attached here and in the watched process. Such
// a segment needs no descriptor and no path, so a program that closes all its descriptors, changes its root
// or drops its rights keeps its ring; and it outlives the process, so that what a killed thread had recorded
// can still be read.
//
// Everything in it is the program's to scribble on. The reader takes head once a look (each time costs the
// program the cache line that it writes for every call), copies a record out before it looks at it, checks
// every length against what it copied, and keeps its own idea of where it is. What does not hold is Damaged:
// the ring is emptied, and the program is told of, not believed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "capture/decode/memory.h"
#include "capture/kernel/tid.h"
#include "capture/tracer/segment.h"
#include "capture/wire/ring.h"

namespace vedette {

// A record copied out of a ring and found sound. It serves the memory its chunks hold: what begins at an
// address is meant before what that lies in. Two chunks that say different things of one address, because
// somebody wrote there between the two copies, serve nothing.
class RecordCopy final : public Memory {
 public:
  const RingRecord& record() const { return *reinterpret_cast<const RingRecord*>(bytes_); }
  size_t read(uint64_t address, void* into, size_t size) override;
  // Whether that has happened.
  bool is_contradictory() const { return is_contradictory_; }

 private:
  friend class Ring;
  bool check_chunks();
  struct Chunk {
    uint64_t address;
    uint32_t size;
    uint32_t at;
  };
  bool agree(const Chunk& one, const Chunk& other, uint64_t from) const;
  static constexpr unsigned kChunksMax = VEDETTE_VECTOR_MAX + 5;
  alignas(8) std::byte bytes_[VEDETTE_RECORD_MAX];
  Chunk chunks_[kChunksMax];
  unsigned chunk_count_ = 0;
  bool is_contradictory_ = false;
};

class Ring {
 public:
  static constexpr size_t kSmall = 32u << 10, kMiddle = 256u << 10, kLarge = 1u << 20;  // bytes of data
  static constexpr size_t next_size(size_t bytes) { return bytes < kMiddle ? kMiddle : kLarge; }
  static std::unique_ptr<Ring> create(size_t data_bytes);

  int id() const { return segment_.id(); }
  size_t bytes() const { return segment_.bytes(); }
  size_t data_bytes() const { return data_bytes_; }
  Segment::Users users() const { return segment_.users(); }
  bool is_shared() const { return users().attached > 1; }
  // Whether this process alone has it, besides us, and nobody else has had it since that attached it.
  bool is_only_with(Tid process) const {
    const Segment::Users now = users();
    return now.attached == 2 && now.last == process.get();
  }
  // Where the program has it attached.
  void lie_at(uint64_t address) {
    records_ = address + VEDETTE_RING_DATA + VEDETTE_REC_CHUNKS;
    context().records = records_;
  }
  // For another thread: empty, nothing in flight.
  void reset();

  // Takes in what has been published until now; the bytes that wait.
  uint64_t look() {
    seen_ = head();
    return seen_ - position_;
  }
  // Where the bytes published until now are counted; what it says is the program's word.
  const std::atomic<uint64_t>& head_place() const { return context().head; }
  // Of what was there at the last look.
  bool has_records() const { return seen_ != position_; }
  uint64_t pending_bytes() const { return head() - position_; }

  enum class Next : uint8_t { Record, Empty, Damaged };
  // Empty only after another look.
  Next next(RecordCopy& copy);
  // Of the oldest record that waits; for merging rings in order. Only a hint: the program may have written
  // it.
  uint64_t next_exit_tsc() const;
  // The producer finds no room, so that its next call traps, until it is fed: for a stop that its thread
  // would not have.
  void starve() { set_room(0); }
  // Has the room again that it had.
  void unstarve() { set_room(narrow_ ? kNarrow : data_bytes_ - VEDETTE_RECORD_MAX); }
  void feed() {
    narrow_ = false;
    whole_ = true;
    set_room(data_bytes_ - VEDETTE_RECORD_MAX);
  }

  // A slow thread needs no more room than a small ring's. It moves through all of the data nevertheless; what
  // it has left behind is loose. Giving that back is safe once the thread has been seen in a system call, so
  // not in the stub, at some time after the narrowing: from then on it knows of no more room. False: it knew
  // of more, or the kernel will not.
  void narrow() {
    narrow_ = true;
    set_room(kNarrow);
  }
  bool is_narrow() const { return narrow_; }
  uint64_t loose_bytes() const { return whole_ ? data_bytes_ : position_ - kept_from_; }
  bool give_back_loose();
  // Of a ring without a thread.
  void give_back_all();
  // Bytes of data that it may fill.
  size_t reach() const { return narrow_ ? kSmall : data_bytes_; }
  uint64_t position() const { return position_; }
  // Bytes published since it was reset, by the producer's word.
  uint64_t published() const { return head(); }

  // Its thread makes no calls of ours any more: opens and accepts, which are followed by some, are left to
  // the trace tier.
  void withhold_opens() { context().no_facts.store(1, std::memory_order_release); }
  // Others have its working directory, too: their records must be in order with its own.
  void withhold_folders() { context().no_folder.store(1, std::memory_order_release); }

  // Lets the producer have the room of everything read so far.
  void release() { context().tail.store(position_, std::memory_order_release); }

  // As if the stub had saved this call's arguments and were at its gate: the thread, sent there by the
  // tracer, records what the call returns, and goes on at `resume`. Of a ring of which everything has been
  // read. False: its context has been written to.
  bool begin(const RingRecord& call, uint64_t resume);
  // The call that has not returned, if the thread was in one.
  bool in_flight(RingRecord& into) const;
  void clear_in_flight() { context().in_flight.store(0, std::memory_order_relaxed); }
  uint64_t resume() const { return context().resume.load(std::memory_order_relaxed); }
  // The record under way, as the stub has it so far.
  RingRecord current() const;
  // The same with the texts that the kernel got copies of. False: it has none, or they are damaged.
  // `is_sized`: its size says where they end, else it has one.
  bool current_inputs(RecordCopy& into, bool is_sized) const;

 private:
  static constexpr uint64_t kNarrow = kSmall - VEDETTE_RECORD_MAX;
  // Known to the producer when it next finds its room used up.
  void set_room(uint64_t room) {
    context().room.store(room, std::memory_order_relaxed);
    context().room_end.store(0, std::memory_order_relaxed);
  }
  struct Context {
    std::atomic<uint64_t> head, room_end, resume, in_flight, mask, records, no_facts, no_folder, tail, room;
  };
  static_assert(sizeof(Context) == sizeof(RingContext));
  Context& context() const { return *reinterpret_cast<Context*>(segment_.base()); }
  const std::byte* at(uint64_t position) const { return segment_.base() + VEDETTE_RING_DATA + (position & (data_bytes_ - 1)); }
  uint64_t head() const { return context().head.load(std::memory_order_acquire); }

  Segment segment_;
  size_t data_bytes_ = 0;
  uint64_t records_ = 0;   // as the context should have it
  uint64_t position_ = 0;  // read so far
  uint64_t seen_ = 0;      // head at the last look
  bool narrow_ = false;
  bool whole_ = true;        // all of it may have been touched
  uint64_t kept_from_ = 0;   // what lies before was given back
};

}  // namespace vedette
