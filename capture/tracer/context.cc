// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/context.h"

namespace vedette {
namespace {

constexpr size_t kToldNameMax = 64;

uint32_t number(Tid tid) { return static_cast<uint32_t>(tid.get()); }

}  // namespace

void Context::note_stops(const Task& task, IntegrityReason reason) {
  tasks.each([&](const Task& one) {
    if (one.space == task.space) state.stops_for(number(one.tid), reason);
  });
}

void Context::tell() {
  record(own_);
  own_.reset();
}

void Context::record(const Sighting& sighting) {
  if (sighting.is_untold) return;
  if (witness != nullptr) witness->count(sighting.event);
  if (open_witness != nullptr) open_witness->count(sighting);
  sink.on_event(sighting);
  if (sighting.doubt != Doubt::None) tell_doubt(sighting);
  const std::string_view file = defense.reached_for(sighting);
  if (file.empty()) return;
  const Event& event = sighting.event;
  const std::string what = std::string(Defense::writes(sighting) ? "its files in /proc, to write: " : "its files in /proc: ").append(file.substr(0, kToldNameMax));
  notice(Tid(static_cast<pid_t>(event.call.tid)), Notice::AGENT_ATTACKED, event.info().name, what, event.call.result);
}

void Context::tell_doubt(const Sighting& sighting) {
  const Event& event = sighting.event;
  const Tid tid(static_cast<pid_t>(event.call.tid));
  const bool is_untrue = sighting.doubt == Doubt::Untrue;
  std::string text = is_untrue ? "not what was recorded: " : "no longer what was recorded: ";
  text += sighting.descriptor && sighting.descriptor->name ? view(sighting.descriptor->name) : std::string_view(sighting.path).substr(0, kToldNameMax);
  if (sighting.opened) text += ", but inode " + std::to_string(sighting.opened->ino) + " of device " + std::to_string(sighting.opened->dev);
  notice(tid, Notice::UNCERTAIN, event.info().name, text, is_untrue);
  // Names that change too often are an honest program's, too.
  if (is_untrue) hooks.on_doubted(tid, IntegrityReason::CAUGHT);
  else if (sighting.doubt == Doubt::ChangedTooOften) hooks.on_doubted(tid, IntegrityReason::UNFIT);
}

void Context::doubt(const std::optional<IoWitness::Mismatch>& mismatch) {
  if (!mismatch) return;
  const Tid tid(static_cast<pid_t>(mismatch->tid));
  notice(tid, Notice::MISMATCH, "", mismatch->text, mismatch->difference);
  hooks.on_doubted(tid, IntegrityReason::CAUGHT);
}

// Who is left may just be about to record one.
void Context::look_at_last_opens() {
  constexpr uint64_t kMomentNs = 250'000'000;
  if (open_witness == nullptr) return;
  hooks.on_tick();
  tell_opens(tasks.size() > 1 ? kMomentNs : 0);
}

// Who it was nobody knows: it is told of the workload's first process.
void Context::tell_opens(uint64_t patience_ns) {
  const OpenWitness::Found found = open_witness->look(monotonic_ns(), patience_ns);
  for (const std::string& path : found.unrecorded) notice(root, Notice::UNRECORDED_OPEN, "open", path);
  if (found.has_lost) notice(root, Notice::UNSEEN, "open", "files that policies call sensitive were opened faster than it could be heard");
}

void Context::notice(Tid tid, Notice kind, std::string_view call, std::string_view text, int64_t value) {
  describe_notice(own_.event, number(tid), kind, call, text, value, clock.now_ns());
  state.attach(own_);
  tell();
}

void Context::session_start(Tid tid, int64_t result) {
  describe_sight(own_.event, EventId::session_start, number(tid), result, clock.now_ns());
  state.attach(own_);
  tell();
}

void Context::found_program(Tid tid) {
  using namespace slot::execve_;
  Event& event = own_.event;
  describe_sight(event, EventId::execve, number(tid), 0, clock.now_ns());
  state.attach(own_);
  if (own_.process) {
    const Process& process = *own_.process;
    const std::string_view path = process.exe_path ? view(process.exe_path) : view(process.exe);
    std::string words(view(process.exe));
    words += '\0';
    words += view(process.args);
    event.set_text(filename, path);
    event.set_text(argv, words);
  }
  tell();
}

void Context::found_end(Tid tid) {
  describe_sight(own_.event, EventId::procexit, number(tid), 0, clock.now_ns());
  state.attach(own_);
  tell();
}

}  // namespace vedette
