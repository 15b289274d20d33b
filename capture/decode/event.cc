// SPDX-License-Identifier: Apache-2.0
// How an Event keeps its values: integers in the slot, text as a Span into its own bytes (see event.h).
#include "capture/decode/event.h"

#include <sys/wait.h>

namespace vedette {

namespace {

// A typical event keeps a path or a payload; only an argument list needs more for longer than its call.
constexpr size_t kKeptCapacity = 8192;

}  // namespace

void Event::reset(EventId event) {
  id = event;
  flags = 0;
  row = nullptr;
  fd = -1;
  peer = rights = {kNull, 0};
  room = 0;
  bytes.clear();
  if (bytes.capacity() > kKeptCapacity) std::vector<char>().swap(bytes);
  const EventInfo& what = info();
  constexpr uint64_t kNoSpan = kNull;  // as {kNull, 0} lies in memory
  for (unsigned i = 0; i < what.slots; ++i) slots[i] = what.kinds[i] == SlotKind::Span ? kNoSpan : static_cast<uint64_t>(kAbsent);
}

void Event::set_text(unsigned slot, std::string_view text) { set_span(slot, keep(text)); }

Span Event::keep(std::string_view text) {
  Span span{static_cast<uint32_t>(bytes.size()), static_cast<uint32_t>(text.size())};
  bytes.insert(bytes.end(), text.begin(), text.end());
  return span;
}

void describe_exit(Event& event, uint32_t tid, int wait_status, uint64_t time_ns, uint32_t reaper_tid) {
  using namespace slot::procexit_;
  event.reset(EventId::procexit);
  event.call = Call{.tid = tid, .enter_ns = time_ns, .exit_ns = time_ns, .result = 0, .returned = true};
  event.set(status, wait_status);
  event.set(ret, WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0);
  event.set(sig, WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0);
  event.set(core, WIFSIGNALED(wait_status) && WCOREDUMP(wait_status) ? 1 : 0);
  event.set(slot::procexit_::reaper_tid, reaper_tid);
}

void describe_sight(Event& event, EventId id, uint32_t tid, int64_t result, uint64_t time_ns) {
  event.reset(id);
  event.flags = static_cast<uint16_t>(Tier::Witness);
  event.call = Call{.tid = tid, .enter_ns = time_ns, .exit_ns = time_ns, .result = result, .returned = true};
}

void describe_notice(Event& event, uint32_t tid, Notice kind, std::string_view call, std::string_view text, int64_t value,
                     uint64_t time_ns) {
  event.reset(EventId::vedette_notice);
  event.call = Call{.tid = tid, .enter_ns = time_ns, .exit_ns = time_ns, .result = 0, .returned = true};
  event.set(slot::vedette_notice_::kind, static_cast<int64_t>(kind));
  if (!call.empty()) event.set_text(slot::vedette_notice_::call, call);
  event.set_text(slot::vedette_notice_::text, text);
  event.set(slot::vedette_notice_::value, value);
}

void describe_prevented(Event& event, uint32_t tid, const Prevented& what, uint64_t time_ns) {
  using namespace slot::vedette_prevented_;
  event.reset(EventId::vedette_prevented);
  event.call = Call{.tid = tid, .enter_ns = time_ns, .exit_ns = time_ns, .result = 0, .returned = true};
  event.set_text(policy, what.policy);
  event.set_text(rule, what.rule);
  event.set_text(call, what.call);
  event.set_text(subject, what.subject);
  event.set_text(action, what.action);
  event.set_text(mode, what.mode);
}

}  // namespace vedette
