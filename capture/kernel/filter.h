// SPDX-License-Identifier: Apache-2.0
// Builds the seccomp program that decides which calls stop for us. Written from a list of rules, not by hand:
//
//   convention not native   -> foreign
//   number with the x32 bit -> foreign
//   otherwise               -> the number's rule, or allow; what is younger than our lists stops
//
// Numbers with the same answer are joined into ranges, and the ranges become a tree of >= tests, balanced by
// weight: two or three of them for the hottest calls, about nine for the rest of 220. That counts on kernels
// without the bitmap of allowed numbers (before 5.11), where each call of the program pays for the whole
// walk; on later ones a number whose path loads nothing but number and convention costs nothing, so
// conditions on arguments stand in the leaves only.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

namespace vedette {

// What makes a call stop for us. The lower half tells our stops from those that a watched program's own
// filter asks for, for a debugger of its own: of two filters that say so, the newer one's word comes with the
// stop.
inline constexpr uint32_t kOwnStop = 0x5645;
inline constexpr uint32_t kStopForUs = SECCOMP_RET_TRACE | kOwnStop;

enum class FilterWord : uint8_t { Low, High };      // of the 64-bit argument
enum class FilterTest : uint8_t { Equals, Below, NotBelow };

struct FilterCondition {
  uint8_t arg;
  uint32_t mask;
  uint32_t value;  // what (word & mask) is tested against
  FilterWord word = FilterWord::Low;
  FilterTest test = FilterTest::Equals;
};

// Made with the instruction pointer exactly here (behind the syscall instruction, all 64 bits), and when all
// conditions hold, a call passes whatever the rules of its number say.
struct FilterGate {
  uint64_t ip;
  std::vector<FilterCondition> conditions = {};
};

// A number that stops, when all its conditions hold. Several rules of one number are alternatives.
struct FilterRule {
  uint32_t nr;
  std::vector<FilterCondition> conditions;
  std::vector<FilterGate> gates = {};
  bool over_gates = false;  // stops also what comes through a gate
  uint32_t weight = 1;      // how often it is asked for, against others
  bool passes = false;      // when its conditions hold, the call passes, whatever the other rules of its number say
};

// `rules` in any order. `foreign`: SECCOMP_RET_* for calls by another convention than the native one. All
// numbers from `stops_from` on stop.
inline constexpr uint32_t kNoNumber = 1u << 31;  // those of tracers and negative ones are no calls
std::vector<sock_filter> build_filter(std::vector<FilterRule> rules, uint32_t foreign, uint32_t stops_from = kNoNumber);

}  // namespace vedette
