// SPDX-License-Identifier: Apache-2.0
// When calls that change names (unlink, rename ...) need not stop. What an open meant by a path is looked up
// when its record is read, which may be after the name has gone. So such a call stops, and earlier records
// are read first. But a program that changes many names would stop all the time. So there are two ways to
// live, for all programs at once:
//
//   Still     names stay as they are for the most part: who changes one stops for us
//   Moving    each open asks the kernel for its file's path (tracee/page.S), which takes as long as the open; no
//             change of a name stops
//
//   Still --some changes in a moment--> Moving --few in a while--> Settling --none under way--> Still
//
// While names move, no path stands (state/standing_paths.h), and one that is looked up proves nothing by
// itself. Names never move once a program has had another root or has mounted anything: there /proc may be
// another one, or somebody's forgery.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "capture/inline/drain.h"
#include "capture/tracer/context.h"

namespace vedette {

class InlineNameMoves {
 public:
  // `page`: the agent's segment, which must stay.
  InlineNameMoves(std::byte* page, InlineDrain& drain) : page_(page), drain_(drain) {}
  void bind(Context& context);

  // A call that changes names has stopped.
  void on_stopped();
  // Once in a while.
  void look();
  bool are_moving() const { return now_ == Now::Moving; }

 private:
  enum class Now : uint8_t { Still, Moving, Settling };
  static constexpr uint64_t kMomentNs = 50'000'000, kWhileNs = 250'000'000, kSettleNs = 250'000'000, kSettleMaxNs = 5'000'000'000;
  static constexpr uint64_t kSome = 4;  // changes

  void say(uint32_t what);
  void begin();
  void settle(uint64_t now);
  bool is_settled(uint64_t ns) const;
  bool is_any_under_way() const;
  void restart_count(uint64_t now);

  std::byte* page_;
  InlineDrain& drain_;
  Context* context_ = nullptr;
  bool has_proc_ = false;
  Now now_ = Now::Still;
  uint64_t counted_from_ns_ = 0;
  uint64_t stopped_ = 0;          // changes since then
  uint64_t recorded_before_ = 0;  // of those that did not stop, until then
  uint64_t settling_ns_ = 0;
};

}  // namespace vedette
