// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/folder_gates.h"

#include <atomic>

#include "capture/inline/calls.h"
#include "capture/kernel/clock.h"
#include "capture/wire/ring.h"

namespace vedette {
namespace {

// Their second bytes: `syscall` is 0f 05, `ud2` 0f 0b.
constexpr uint8_t kOfSyscall = 0x05, kOfUd2 = 0x0b;

template <typename Value>
void put(std::byte* page, uint64_t address, Value value) {
  std::atomic_ref<Value>(*reinterpret_cast<Value*>(page + (address - VEDETTE_AGENT_BASE))).store(value, std::memory_order_seq_cst);
}

// Calls `each(number, entry and gate)`.
template <typename Each>
void each_folder_call(Integrity integrity, Each each) {
  for (const InlineCall& call : inline_calls()) {
    if (tells_folder(call.nr) && inline_shape(call.nr, integrity)) each(call.nr, AgentPage::addresses(call.shape));
  }
}

}  // namespace

void InlineFolderGates::bind(State& state, Integrity integrity) {
  state_ = &state;
  each_folder_call(integrity, [this](uint32_t nr, const ShapeAddresses& at) {
    are_open_ = false;
    put(page_, VEDETTE_AGENT_TABLE + nr * 8, AgentPage::take_the_site());
    put(page_, at.gate + 1, kOfUd2);
  });
  state.let_move_unseen(false);
}

void InlineFolderGates::on_stopped(InlineTask& mine) {
  if (are_open_) return;
  const uint64_t now = monotonic_ns();
  if (now - mine.moves_from_ns > kMomentNs) mine.moves_from_ns = now, mine.moves = 0;
  if (++mine.moves >= kSome) open();
}

// First each gate, then the way there: nobody comes to a gate who could have seen it shut.
void InlineFolderGates::open() {
  are_open_ = true;
  state_->let_move_unseen(true);
  each_folder_call(Integrity::Normal, [this](uint32_t nr, const ShapeAddresses& at) {
    put(page_, at.gate + 1, kOfSyscall);
    put(page_, VEDETTE_AGENT_TABLE + nr * 8, at.entry);
  });
}

}  // namespace vedette
