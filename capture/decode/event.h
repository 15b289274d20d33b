// SPDX-License-Identifier: Apache-2.0
// An event on its way from a call to a record: the call, one slot for each parameter that events.yaml gives one, and the
// bytes those slots point to. An Event is reused from call to call and keeps its buffer, so that the steady state
// allocates nothing; it belongs to one task from the call's entry to its return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "capture/decode/call.h"
#include "capture/wire/batch.h"

namespace vedette {

enum class EventId : uint16_t;  // generated from events.yaml
struct Row;                     // capture/decode/syscalls.h

inline constexpr size_t kEventSlotsMax = 32;

struct Event {
  EventId id{};
  uint16_t flags = 0;       // RecordFlags
  uint8_t slot_count = 0;
  Call call;                // arguments as on x86-64, whatever the convention they came by
  const Row* row = nullptr; // nullptr: not a call (procexit)
  int32_t fd = -1;          // fd.num: the descriptor the event is about
  uint32_t text_slots = 0;  // bit i: slot i is a Span into bytes, else an integer
  uint64_t slots[kEventSlotsMax];
  std::vector<char> bytes;

  // Empties it for the next call. A buffer that one huge argument list blew up is given back.
  void reset(EventId event, uint8_t slots_used);

  void set(unsigned slot, int64_t value) { slots[slot] = static_cast<uint64_t>(value); }
  void set_text(unsigned slot, std::string_view text);
  int64_t integer(unsigned slot) const { return static_cast<int64_t>(slots[slot]); }
  Span span(unsigned slot) const;
  // Empty where the slot has no value: ask has() when the difference counts.
  std::string_view text(unsigned slot) const;
  bool has(unsigned slot) const;
  bool is_text(unsigned slot) const { return (text_slots >> slot) & 1u; }
  bool failed() const { return !call.returned || call.result < 0; }
};

// The end of a process, which is no call. `wait_status` is what wait(2) or PTRACE_GETEVENTMSG reports.
void describe_exit(Event& event, uint32_t tid, int wait_status, uint64_t time_ns, uint32_t reaper_tid);

}  // namespace vedette
