// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/drain.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstddef>

#include "capture/decode/decoder.h"
#include "capture/inline/calls.h"
#include "capture/inline/handover.h"
#include "capture/inline/no_memory.h"

namespace vedette {
namespace {

// What the kernel called it: the file behind a new descriptor, where names change, or the new working
// directory.
void take_link(Memory& record, std::string& into) {
  char link[VEDETTE_PATH_MAX];
  into.assign(link, record.read(VEDETTE_LINK_AT, link, sizeof link));
}

// What the stub asked of a new descriptor. False: nothing was. Nothing in `into`: it was closed by then.
bool take_facts(Memory& record, uint64_t at, std::optional<FileFacts>& into) {
  struct stat facts;
  static_assert(offsetof(struct stat, st_mode) + sizeof facts.st_mode <= VEDETTE_FACTS_BYTES);
  if (record.read(at, &facts, VEDETTE_FACTS_BYTES) != VEDETTE_FACTS_BYTES) return false;
  if (facts.st_ino != 0) into = FileFacts{.dev = facts.st_dev, .ino = facts.st_ino, .mode = facts.st_mode};
  return true;
}

void take_facts(Memory& record, Sighting& sighting) {
  sighting.is_unasked = !take_facts(record, VEDETTE_FACTS_AT, sighting.opened);
  if (sighting.opened) take_link(record, sighting.link);
}

bool is_accept(uint64_t nr) { return nr == SYS_accept || nr == SYS_accept4; }
bool is_send(uint64_t nr) { return nr == SYS_sendto || nr == SYS_sendmsg; }

// What the stub asked of a socket by that call. A name that did not fit is a Unix socket's, whose listener
// has told it.
std::optional<SocketName> name_by(Memory& record, uint64_t nr) {
  struct {
    uint32_t size, zero;
    char address[VEDETTE_NAME_BYTES - 8];
  } told;
  if (record.read(nr << VEDETTE_NAME_SHIFT, &told, sizeof told) != sizeof told || told.size > VEDETTE_NAME_ROOM) return {};
  SocketName name = parse_socket_name({told.address, told.size});
  if (!name.endpoint.known()) return {};
  return name;
}

}  // namespace

void InlineDrain::bind(Context& context, Integrity integrity) {
  context_ = &context;
  for (uint32_t nr = 0; nr < VEDETTE_CALLS; ++nr) {
    inline_numbers_[nr] = inline_shape(nr, integrity).has_value();
    extra_[nr] = is_open(nr) ? Extra::Opened : tells_folder(nr) ? Extra::Folder : waits_for_names(nr) ? Extra::Change : Extra::None;
    if (is_accept(nr)) extra_[nr] = Extra::Accepted;
    if (is_send(nr)) extra_[nr] = Extra::Sent;
    if (makes_descriptor(nr)) extra_[nr] = Extra::Made;
  }
}

void InlineDrain::add(RingSlot& slot) {
  slots_.push_back(&slot);
  glances_.push_back({&slot.ring().head_place(), kNever});
  fill_.add_ring(slot.ring().data_bytes());
}

void InlineDrain::renew(const RingSlot& slot) {
  if (const size_t at = place_of(slot); at < slots_.size()) glances_[at].empty_at = kNever;
}

void InlineDrain::remove(RingSlot& slot) {
  one(slot);
  const size_t at = place_of(slot);
  if (at == slots_.size()) return;  // it was never attached
  fill_.remove_ring(slot.ring().data_bytes());
  slots_.erase(slots_.begin() + static_cast<ptrdiff_t>(at));
  glances_.erase(glances_.begin() + static_cast<ptrdiff_t>(at));
}

size_t InlineDrain::place_of(const RingSlot& slot) const {
  return static_cast<size_t>(std::find(slots_.begin(), slots_.end(), &slot) - slots_.begin());
}

void InlineDrain::swap(size_t i, size_t j) {
  std::swap(slots_[i], slots_[j]);
  std::swap(glances_[i], glances_[j]);
}

// The time is taken before any ring is looked at. So what a thread did before another's record is never
// missing when that is read: it was published by then.
size_t InlineDrain::some(size_t count) {
  waiting_.clear();
  found_bytes_ = 0;
  const uint64_t now = Clock::read_tsc();
  const size_t looked_at = std::min(count, slots_.size());
  for (size_t i = 0; i < looked_at; ++i) {
    if (look_at(i)) swap(i, i / 2);
  }
  if (waiting_.empty()) return 0;
  if (looked_at < slots_.size()) look_at_siblings(looked_at);
  fill_.find(found_bytes_);
  const uint64_t before = records_;
  context_->sink.on_burst();
  begin_reading(now);
  merge(waiting_, now);
  context_->sink.on_burst_end();
  return records_ - before;
}

bool InlineDrain::look_at(size_t i) {
  Glance& glance = glances_[i];
  if (glance.head->load(std::memory_order_acquire) == glance.empty_at) return false;
  RingSlot& slot = *slots_[i];
  const uint64_t found = slot.look();
  const bool is_empty = found == 0;
  found_bytes_ += std::min<uint64_t>(found, slot.ring().data_bytes());  // what it says is the program's word
  glance.empty_at = is_empty ? slot.ring().position() : kNever;
  if (!is_empty) waiting_.push_back({slot.ring().next_exit_tsc(), &slot});
  return !is_empty;
}

// Those who have descriptors in common are read together: mostly threads of one program, but two processes
// can share them, too.
void InlineDrain::look_at_siblings(size_t from) {
  const auto table_of = [this](const RingSlot* slot) { return context_->state.descriptors_of(static_cast<uint32_t>(slot->owner().get())); };
  tables_.clear();
  for (const Waiting& one : waiting_) tables_.push_back(table_of(one.slot));
  for (size_t i = from; i < slots_.size(); ++i) {
    const bool may_have_records = glances_[i].head->load(std::memory_order_relaxed) != glances_[i].empty_at;
    if (may_have_records && std::count(tables_.begin(), tables_.end(), table_of(slots_[i])) != 0) (void)look_at(i);
  }
}

size_t InlineDrain::one(RingSlot& slot) {
  const uint64_t found = slot.ring().look();
  if (found == 0) return 0;
  fill_.find(std::min<uint64_t>(found, slot.ring().data_bytes()));
  const uint64_t before = records_;
  begin_reading(Clock::read_tsc());
  context_->sink.on_burst();
  while (take(slot)) {
  }
  context_->sink.on_burst_end();
  slot.ring().release();
  return records_ - before;
}

// The ring whose next record is oldest goes first; a heap, oldest on top. What is younger than `until` waits
// for the next reading. Times are the program's word: one that is still to come puts nothing off.
void InlineDrain::merge(std::vector<Waiting>& waiting, uint64_t until) {
  const auto later = [](const Waiting& a, const Waiting& b) { return a.tsc > b.tsc; };
  uint64_t latest = until;
  const auto believed = [&latest, until](uint64_t tsc) {
    if (tsc > latest) latest = Clock::read_tsc();
    return tsc > latest ? until : tsc;
  };
  for (Waiting& one : waiting) one.tsc = believed(one.tsc);
  std::erase_if(waiting, [until](const Waiting& one) { return one.tsc > until && one.slot->put_off(); });
  std::make_heap(waiting.begin(), waiting.end(), later);
  while (!waiting.empty()) {
    std::pop_heap(waiting.begin(), waiting.end(), later);
    RingSlot& slot = *waiting.back().slot;
    const uint64_t next_ring = waiting.size() > 1 ? std::min(waiting.front().tsc, until) : until;
    bool more = take(slot);
    while (more && slot.ring().has_records() && believed(slot.ring().next_exit_tsc()) <= next_ring) more = take(slot);
    const uint64_t next = more && slot.ring().has_records() ? believed(slot.ring().next_exit_tsc()) : ~0ull;
    if (next > until) {
      slot.ring().release();
      waiting.pop_back();
    } else {
      waiting.back().tsc = next;
      std::push_heap(waiting.begin(), waiting.end(), later);
    }
  }
}

bool InlineDrain::take(RingSlot& slot) {
  switch (slot.ring().next(copy_)) {
    case Ring::Next::Empty: return false;
    case Ring::Next::Damaged: tell_damage(slot); return false;
    case Ring::Next::Record: break;
  }
  const RingRecord& record = copy_.record();
  if (slot.is_free()) return true;  // nobody's ring: somebody scribbles
  const std::optional<HandedCall> handed = claim(slot, record.nr, record.args);
  if (!handed && !is_inline(slot, record.nr, record.args)) return true;
  if (record.exit_tsc > now_) now_ = std::max(now_, Clock::read_tsc());
  Call call = call_of(slot, record, slot.take_time(record.exit_tsc, now_));
  if (handed && !take_result(*context_, *handed, call)) tell_damage(slot);
  emit(call, copy_, true, handed.has_value());
  if (copy_.is_contradictory() && keeps_inputs(record.nr)) tell_damage(slot);
  return true;
}

Call InlineDrain::call_of(const RingSlot& slot, const RingRecord& record, uint64_t exit_tsc) const {
  Call call;
  call.tid = static_cast<uint32_t>(slot.owner().get());
  call.nr = record.nr;
  std::copy(std::begin(record.args), std::end(record.args), call.args);
  call.exit_ns = context_->clock.from_tsc(exit_tsc);
  call.enter_ns = record.enter_tsc <= exit_tsc ? context_->clock.from_tsc(record.enter_tsc) : call.exit_ns;
  call.result = record.result;
  call.returned = true;
  return call;
}

void InlineDrain::report(RingSlot& slot, const Call& call, Memory& memory) {
  one(slot);
  const std::optional<HandedCall> handed = claim(slot, call.nr, call.args);
  if (!handed && !is_inline(slot, call.nr, call.args)) return;
  Call told = call;
  if (handed && told.returned) (void)take_result(*context_, *handed, told);
  emit(told, memory, false, handed.has_value());
}

// What was handed to a thread is what it tells of next.
std::optional<HandedCall> InlineDrain::claim(RingSlot& slot, uint32_t nr, const uint64_t (&args)[6]) {
  if (!slot.is_handed()) return std::nullopt;
  std::optional<HandedCall> handed = slot.take_handed();
  if (handed->is(nr, args)) return handed;
  tell_missing(slot, *handed);
  return std::nullopt;
}

void InlineDrain::end_handed(RingSlot& slot) {
  if (const std::optional<HandedCall> handed = slot.take_handed()) tell_missing(slot, *handed);
}

void InlineDrain::tell_missing(RingSlot& slot, const HandedCall& handed) {
  Call call = handed.call;
  call.exit_ns = context_->clock.now_ns();
  call.result = -1;
  call.returned = !take_result(*context_, handed, call);
  if (!call.returned) call.result = kAbsent;
  NoMemory memory;
  emit(call, memory, false, true);
  tell_damage(slot);
}

// A program can write any number into its ring. What gains something is the kernel's word alone.
bool InlineDrain::is_inline(RingSlot& slot, uint32_t nr, const uint64_t (&args)[6]) {
  if (nr < VEDETTE_CALLS && inline_numbers_[nr] && may_be_recorded(nr, args)) return true;
  tell_damage(slot);
  return false;
}

// `is_record`: its thread has gone on since; else it stands still behind the call. `was_stopped`: it was
// judged in a stop, at its entry.
void InlineDrain::emit(const Call& call, Memory& memory, bool is_record, bool was_stopped) {
  Event& event = sighting_.event;
  if (!decode_enter(call, memory, context_->limits, event)) return;
  if (!was_stopped) event.flags |= static_cast<uint16_t>(Tier::Inline);
  sighting_.stands_still = !is_record;  // before names are joined: the kernel is asked of who stands still alone
  context_->state.before_call(sighting_, is_record);
  if (is_record) sighting_.heard_ns = std::max(reading_since_ns_, call.exit_ns);
  if (is_record) take_answers(call.nr, memory);
  decode_exit(call, memory, context_->limits, event);
  context_->state.after_call(sighting_);
  context_->record(sighting_);
  sighting_.reset();
  ++records_;
}

void InlineDrain::take_answers(uint32_t nr, Memory& record) {
  switch (extra_[nr]) {
    case Extra::None: return;
    case Extra::Opened: return take_facts(record, sighting_);
    case Extra::Folder: return take_link(record, sighting_.link);
    case Extra::Change: ++changes_; return;
    case Extra::Made:
      (void)take_facts(record, VEDETTE_FACTS_AT, sighting_.opened);
      (void)take_facts(record, VEDETTE_SECOND_FACTS_AT, sighting_.opened_second);
      return;
    case Extra::Accepted:
      take_facts(record, sighting_);
      sighting_.remote = name_by(record, SYS_getpeername);
      [[fallthrough]];
    case Extra::Sent: sighting_.local = name_by(record, SYS_getsockname);
  }
}

void InlineDrain::begin_reading(uint64_t tsc) { reading_since_ns_ = context_->clock.from_tsc(tsc); }

void InlineDrain::tell_damage(RingSlot& slot) {
  if (!slot.take_damage()) return;
  context_->notice(slot.owner(), Notice::TAMPER, "", "the ring of inline records was written to", 0);
  context_->hooks.on_doubted(slot.owner(), IntegrityReason::CAUGHT);
}

}  // namespace vedette
