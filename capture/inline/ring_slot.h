// SPDX-License-Identifier: Apache-2.0
// A ring at a place of its own in an image, and whose it is. A slot lives as long as anybody refers to it: a
// vfork child may have its parent's when the parent, and its image, are gone.
//
//   new --attach--> owned --retire--> free --assign--> owned      one thread at a time records into it
//   owned --lend--> lent --give_back--> owned                     to a vfork child, whose parent is suspended
//
//   growth   Fits --grow--> Outgrown --take_growth--> Tried       its thread gets a larger one, or keeps this
//   check    --ask--> it looks full, so that the next call traps --take_answer--> as before
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "capture/decode/call.h"
#include "capture/inline/ring.h"
#include "capture/kernel/tid.h"
#include "capture/state/ref.h"
#include "capture/wire/ring.h"

namespace vedette {

class RingSlot;
struct MappedFile;

// A call that stopped at its entry, and whose return its thread records (handover.h).
struct HandedCall {
  Call call;
  std::shared_ptr<MappedFile> text;  // that it maps; nullptr: none that could be patched

  bool is(uint32_t nr, const uint64_t (&args)[6]) const { return nr == call.nr && std::equal(std::begin(args), std::end(args), call.args); }
};

// Where slots go when nobody refers to them any more.
class RingHome {
 public:
  virtual ~RingHome() = default;
  virtual void take_back(RingSlot& slot) = 0;
};

class RingSlot : public Counted {
 public:
  static constexpr unsigned kFullBeforeLarger = 2;
  static constexpr uint8_t kSlowLooks = 2;

  RingSlot(RingHome& home, std::unique_ptr<Ring> ring, uint64_t address = 0);
  ~RingSlot() { home_.take_back(*this); }

  Ring& ring() const { return *ring_; }
  std::unique_ptr<Ring> give_up_ring() { return std::move(ring_); }
  uint64_t address() const { return address_; }
  uint64_t context_base() const { return address_ - VEDETTE_AGENT_BASE; }

  // The thread that records into it; while a vfork child runs in its parent's place, that child. None: it is
  // free.
  Tid owner() const { return owner_; }
  bool is_free() const { return owner_ == Tid(); }
  bool is_attached() const { return attacher_.is_set(); }
  bool is_lent() const { return lent_; }
  // The process that attached it.
  Tid attacher() const { return attacher_; }

  // `process` has attached it, for a thread of its own.
  void attach(Tid process, Tid thread);
  // For another thread of the image: as new.
  void assign(Tid thread);
  // To a vfork child. What stands in it so far has been taken.
  void lend(Tid borrower);
  // The lender runs on while the borrower execs, and the borrower does when that has failed.
  void pass_to(Tid owner) { owner_ = owner; }
  // `is_lent_on`: who gets it back has itself only borrowed it.
  void give_back(bool is_lent_on) { lent_ = is_lent_on; }
  // No thread has it. Who records in it all the same, traps.
  void retire();

  // A record's time: between that of the one before it and now. Times are the program's word, and its records
  // never go back in time.
  uint64_t take_time(uint64_t tsc, uint64_t now_tsc);
  // Its oldest record may wait for the next reading. False: it has done so once, and would be older by now.
  bool put_off() { return ring_->position() != std::exchange(put_off_at_, ring_->position()); }
  // Looks for what has been published; the bytes that wait.
  uint64_t look() { return found_ = ring_->look(); }
  // What the last look found, once.
  uint64_t take_found() { return std::exchange(found_, 0); }

  // A call of its thread trapped because it had no room, and not because we wanted that.
  void count_full();
  // Its thread's next call traps, and then it gets a larger one. Once: a thread that has not got one keeps
  // this.
  void grow();
  bool is_outgrown() const { return growth_ == Growth::Outgrown; }
  // Whether a larger one is to be tried, at the return of a call. It has its own room again, if there is none
  // to be had.
  bool take_growth();

  // Its thread has little to record; the bytes it has moved since the last time this was asked.
  uint64_t take_moved() { return ring_->position() - std::exchange(looked_at_, ring_->position()); }
  void count_busy_look() { slow_looks_ = 0; }
  // So for the second time in a row: it is narrowed.
  void count_slow_look();

  // Whether its thread has recorded since this was last asked.
  bool take_has_moved() { return ring_->position() != std::exchange(asked_at_, ring_->position()); }
  bool is_asked() const { return asked_; }
  void ask();
  // Whether the call that trapped had been asked for.
  bool take_answer();

  // The next record must be of this call.
  void hand(HandedCall call) { handed_ = std::move(call); }
  bool is_handed() const { return handed_.has_value(); }
  std::optional<HandedCall> take_handed() { return std::exchange(handed_, std::nullopt); }

  // Another process has attached it, too: its thread's next call tells.
  bool is_trespassed() const { return trespassed_; }
  void mark_trespassed() { trespassed_ = true; }
  // Whether this is to be told: what stands in it is damaged.
  bool take_damage() { return !std::exchange(damage_told_, true); }
  // Its image has more rings, which a thread could take for its own.
  bool has_others() const { return has_others_; }
  void mark_others() { has_others_ = true; }

 private:
  static constexpr uint64_t kNever = ~0ull;
  enum class Growth : uint8_t { Fits, Outgrown, Tried };

  RingHome& home_;
  std::unique_ptr<Ring> ring_;
  uint64_t address_;
  Tid owner_;
  Tid attacher_;
  bool lent_ = false;
  bool has_others_ = false;
  bool trespassed_ = false;
  bool damage_told_ = false;
  bool asked_ = false;
  Growth growth_ = Growth::Fits;
  uint8_t slow_looks_ = 0;  // in a row
  unsigned full_ = 0;       // traps because it had no room
  uint64_t last_tsc_ = 0;   // of the newest record taken
  uint64_t put_off_at_ = kNever;  // its position when it last was
  uint64_t found_ = 0;      // bytes that waited at the last look
  uint64_t looked_at_ = 0;  // its position when thrift last looked
  std::optional<HandedCall> handed_;
  uint64_t asked_at_ = 0;   // its position when a check was last considered
};

}  // namespace vedette
