// SPDX-License-Identifier: Apache-2.0
// "We were wrong": what cannot happen, unless there is a mistake of ours, is asserted in release, too. It
// says the sentence and the state, and ends the agent (abort), before the mistake gets into somebody's books.
// Never of what a program, a peer or the kernel may bring about: that is an answer, not a mistake.
//
//   invariant(slot.is_free(), "a ring has one owner", thread, owner);
//   vedette-capture: a mistake of ours: "a ring has one owner" does not hold (capture/inline/ring_slot.cc:23): 4711 4712 0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace vedette {

[[noreturn]] void end_of_invariant(std::string_view sentence, std::initializer_list<int64_t> state, const char* file, int line);

// A sentence with the numbers that it is about, at most three.
inline void invariant(bool holds, std::string_view sentence, int64_t a = 0, int64_t b = 0, int64_t c = 0,
                      const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!holds) [[unlikely]] end_of_invariant(sentence, {a, b, c}, file, line);
}

}  // namespace vedette
