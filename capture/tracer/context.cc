// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/context.h"

namespace vedette {

void Context::record(const Sighting& sighting) {
  if (witness != nullptr) witness->count(sighting.event);
  sink.on_event(sighting);
}

void Context::doubt(const std::optional<IoWitness::Mismatch>& mismatch) {
  if (mismatch) notice(Tid(static_cast<pid_t>(mismatch->tid)), Notice::MISMATCH, "", mismatch->text, mismatch->bytes);
}

void Context::notice(Tid tid, Notice kind, std::string_view call, std::string_view text, int64_t value) {
  describe_notice(notice_.event, static_cast<uint32_t>(tid.get()), kind, call, text, value, clock.now_ns());
  state.attach(notice_);
  sink.on_event(notice_);
  notice_.reset();
}

}  // namespace vedette
