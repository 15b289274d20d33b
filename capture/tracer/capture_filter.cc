// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/capture_filter.h"

#include "capture/decode/syscalls.h"
#include "capture/tracer/defense.h"

namespace vedette {
namespace {

// Another process's number, or a pointer, which may have zeros in either half.
constexpr uint32_t kAll = 0xffffffff;
constexpr FilterCondition kSomething[] = {{0, kAll, 1, FilterWord::Low, FilterTest::NotBelow},
                                          {2, kAll, 1, FilterWord::Low, FilterTest::NotBelow},
                                          {2, kAll, 1, FilterWord::High, FilterTest::NotBelow}};

}  // namespace

std::vector<FilterRule> capture_rules() {
  std::vector<FilterRule> rules;
  for (const Row& row : rows_of(kNativeAbi)) {
    FilterRule rule{row.nr, {}};
    for (const Condition& condition : row.conditions) {
      rule.conditions.push_back({condition.arg, condition.mask, condition.equals});
    }
    if (row.is(kOfRequests)) {
      for (const uint32_t request : kRequests) rules.push_back({row.nr, {{1, kAll, request}}});
    } else if (row.is(kNotOwnReading)) {
      for (const FilterCondition& something : kSomething) rules.push_back({row.nr, {something}});
    } else {
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

// Calls by a foreign convention all stop: they are rare, and the loop knows which of them to let through.
std::vector<sock_filter> capture_filter(const Hooks& hooks, const SealedMemory& sealed) {
  std::vector<FilterRule> rules = capture_rules();
  hooks.add_rules(rules);
  sealed.add_guards(rules, hooks.guards_range());
  Defense::add_rules(rules);
  return build_filter(std::move(rules), kStopForUs, kCallsEnd);
}

}  // namespace vedette
