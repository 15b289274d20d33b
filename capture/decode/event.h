// SPDX-License-Identifier: Apache-2.0
// An event on its way from a call to a record: the call, one slot for each parameter that events.yaml gives
// one, and the bytes those slots point to. An Event is reused from call to call and keeps its buffer, so that
// the steady state allocates nothing; it belongs to one task from the call's entry to its return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "capture/decode/call.h"
#include "capture/wire/batch.h"
#include "events.h"

namespace vedette {

struct Row;  // capture/decode/syscalls.h

struct Event {
  EventId id = EventId::none;
  uint16_t flags = 0;        // RecordFlags
  Call call;                 // arguments as on the native ABI, whatever convention they came by
  const Row* row = nullptr;  // nullptr: not a call (procexit, a notice)
  int32_t fd = -1;           // fd.num: the descriptor the event is about
  // What state needs beyond the parameters: the socket address involved, the descriptors an SCM_RIGHTS
  // message brought (int32 each), and how much room the program gave for an address.
  Span peer{kNull, 0};
  Span rights{kNull, 0};
  uint32_t room = 0;
  uint64_t slots[kSlotsMax];
  std::vector<char> bytes;

  // Empties it for the next call: every slot without a value. A buffer that one huge argument list blew up is
  // given back.
  void reset(EventId event);
  const EventInfo& info() const { return kEvents[static_cast<size_t>(id)]; }

  void set(unsigned slot, int64_t value) { slots[slot] = static_cast<uint64_t>(value); }
  void set_span(unsigned slot, Span span) { std::memcpy(&slots[slot], &span, sizeof span); }
  void set_text(unsigned slot, std::string_view text);

  bool has(unsigned slot) const {
    if (info().kinds[slot] == SlotKind::Span) return span(slot).offset != kNull;
    return integer(slot) != kAbsent;
  }
  int64_t integer(unsigned slot) const { return static_cast<int64_t>(slots[slot]); }
  Span span(unsigned slot) const {
    Span span;
    std::memcpy(&span, &slots[slot], sizeof span);
    return span;
  }
  // Empty where the slot has no value: ask has() when the difference counts.
  std::string_view text(unsigned slot) const { return text(span(slot)); }
  std::string_view text(Span span) const {
    if (span.offset == kNull) return {};
    return {bytes.data() + span.offset, span.size};
  }
  Span keep(std::string_view text);  // copies into bytes

  bool failed() const { return !call.returned || call.result < 0; }
};

// The end of a process, which is no call. `wait_status` is what wait(2) or PTRACE_GETEVENTMSG reports.
void describe_exit(Event& event, uint32_t tid, int wait_status, uint64_t time_ns, uint32_t reaper_tid);

// What no call told of, but /proc: its slots are still to be filled. Tier witness.
void describe_sight(Event& event, EventId id, uint32_t tid, int64_t result, uint64_t time_ns);

// Something Vedette has to say of itself (vedette.notice). `call`: the kernel's name of the call concerned,
// or empty.
void describe_notice(Event& event, uint32_t tid, Notice kind, std::string_view call, std::string_view text, int64_t value,
                     uint64_t time_ns);

// A row of a policy's `prevent:` has denied a call, or would have (vedette.prevented).
struct Prevented {
  std::string_view policy, rule, call, subject, action, mode;
};
void describe_prevented(Event& event, uint32_t tid, const Prevented& what, uint64_t time_ns);

}  // namespace vedette
