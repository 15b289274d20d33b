// SPDX-License-Identifier: Apache-2.0
// Turns what stands in the rings into events, by the same steps as a traced call: decode, state, sink.
// Records of several rings are taken in the order of their time, up to the moment the drain began; each
// ring's own order is kept whatever its times say, because a program can write there what it likes.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "capture/inline/image.h"
#include "capture/tracer/context.h"

namespace vedette {

class InlineDrain {
 public:
  void bind(Context& context, Integrity integrity);

  void add(RingSlot& slot);
  // It is another thread's now, as new.
  void renew(const RingSlot& slot);
  // Takes what is left in it first.
  void remove(RingSlot& slot);

  // Everything that was over when this began, of all rings. The records taken.
  size_t all() { return some(slots_.size()); }
  // Of the rings that were busy last: with a thousand threads, looking at all of them at every stop would be
  // dearer than the stop.
  size_t busy() { return some(kBusyMax); }
  size_t one(RingSlot& slot);
  std::span<RingSlot* const> slots() const { return slots_; }
  bool is_busy() const { return !slots_.empty(); }
  // The rings that were busy last, and perhaps some that were not.
  std::span<RingSlot* const> busiest() const { return {slots_.data(), std::min(slots_.size(), kBusyMax)}; }

  // Whether a ring may tell of such a call; else it was written to, which is said. A call that was handed to
  // its thread is told of once.
  bool may_tell_of(RingSlot& slot, uint32_t nr, const uint64_t (&args)[6]) { return claim(slot, nr, args) || is_inline(slot, nr, args); }
  // Its thread has stopped again, or is gone: a call that was handed to it and that it has not told of is
  // told of by what the kernel shows of it, else as in flight; and the ring was written to.
  void end_handed(RingSlot& slot);
  // A call that is not in the ring but known from registers: the stub was taken out before it could record.
  void report(RingSlot& slot, const Call& call, Memory& memory);
  Call call_of(const RingSlot& slot, const RingRecord& record, uint64_t exit_tsc) const;

  RingFill& fill() { return fill_; }

  uint64_t records() const { return records_; }
  // Of these, those that may have changed what names mean.
  uint64_t changes() const { return changes_; }

 private:
  static constexpr size_t kBusyMax = 64;
  struct Waiting {
    uint64_t tsc;
    RingSlot* slot;
  };
  size_t some(size_t count);
  bool look_at(size_t i);
  void swap(size_t i, size_t j);
  size_t place_of(const RingSlot& slot) const;
  void look_at_siblings(size_t from);
  void merge(std::vector<Waiting>& waiting, uint64_t until);
  bool take(RingSlot& slot);
  void begin_reading(uint64_t tsc);
  // What the stub asked behind the call.
  void take_answers(uint32_t nr, Memory& record);
  void emit(const Call& call, Memory& memory, bool is_record, bool was_stopped);
  void tell_damage(RingSlot& slot);
  bool is_inline(RingSlot& slot, uint32_t nr, const uint64_t (&args)[6]);
  std::optional<HandedCall> claim(RingSlot& slot, uint32_t nr, const uint64_t (&args)[6]);
  void tell_missing(RingSlot& slot, const HandedCall& handed);

  Context* context_ = nullptr;
  bool inline_numbers_[VEDETTE_CALLS] = {};
  // What a call's record holds beside what every call's does.
  enum class Extra : uint8_t { None, Opened, Folder, Change, Accepted, Sent, Made };
  Extra extra_[VEDETTE_CALLS] = {};
  // Of each slot what tells whether its ring is worth a look. Together, so that a thousand idle rings cost
  // loads that do not wait for one another, and not a walk through a thousand objects.
  struct Glance {
    const std::atomic<uint64_t>* head;
    uint64_t empty_at;  // head when the ring was last found empty; kNever: it is to be looked at
  };
  static constexpr uint64_t kNever = ~0ull;
  std::vector<RingSlot*> slots_;  // busy ones drift to the front
  std::vector<Glance> glances_;   // the same order
  std::vector<Waiting> waiting_;
  std::vector<const DescriptorTable*> tables_;  // of those that wait
  RecordCopy copy_;
  RingFill fill_;
  uint64_t found_bytes_ = 0;  // that waited in the rings looked at in this reading
  Sighting sighting_;
  uint64_t records_ = 0;
  uint64_t changes_ = 0;
  uint64_t now_ = 0;  // TSC, at most so late
  uint64_t reading_since_ns_ = 0;
};

}  // namespace vedette
