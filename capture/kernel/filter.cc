// SPDX-License-Identifier: Apache-2.0
// The tree is emitted in the order it is walked: a test, the subtree of the smaller numbers, the subtree of
// the larger. A conditional BPF jump reaches 255 instructions; where the left subtree is longer, an
// unconditional one (32 bits) takes the far way.
#include "capture/kernel/filter.h"

#include <linux/seccomp.h>
#include <stddef.h>

#include <algorithm>
#include <span>

#include "capture/kernel/arch.h"
#include "capture/kernel/bpf.h"

namespace vedette {
namespace {

using bpf::answer, bpf::append, bpf::jump, bpf::load, bpf::Program;

// Numbers from `first` up to the next range's first share one answer: a leaf of the tree.
struct Range {
  uint32_t first;
  Program leaf;
  uint64_t weight = 0;
};

const Program kAllow = {answer(SECCOMP_RET_ALLOW)};

constexpr size_t offset_of(const FilterCondition& condition) {
  return bpf::argument(condition.arg) + (condition.word == FilterWord::High ? sizeof(uint32_t) : 0);
}

constexpr uint32_t kWhole = 0xffffffff;

// The word that a condition is about, without the bits that do not count.
void load_word(Program& steps, const FilterCondition& condition) {
  steps.push_back(load(offset_of(condition)));
  if (condition.mask != kWhole) steps.push_back(bpf::mask(condition.mask));
}

size_t steps_of(const FilterCondition& condition) { return condition.mask == kWhole ? 2 : 3; }

// Gives this answer when all conditions hold, else goes on to whatever stands behind.
Program answer_if(const std::vector<FilterCondition>& conditions, uint32_t action) {
  Program steps;
  size_t after = 1;  // what is left of these steps, behind the condition at hand
  for (const FilterCondition& condition : conditions) after += steps_of(condition);
  for (const FilterCondition& condition : conditions) {
    after -= steps_of(condition);
    load_word(steps, condition);
    const uint16_t test = condition.test == FilterTest::Equals ? BPF_JEQ : BPF_JGE;
    const uint8_t out = static_cast<uint8_t>(after);
    const bool holds_when_true = condition.test != FilterTest::Below;
    steps.push_back(jump(test, condition.value, holds_when_true ? 0 : out, holds_when_true ? out : 0));
  }
  steps.push_back(answer(action));
  return steps;
}

// Rules that hold the same word against one value each: it is loaded once for all of them, as a call like
// ioctl wants it that most programs make with other values.
bool asks_alike(const FilterRule& a, const FilterRule& b) {
  if (a.over_gates || b.over_gates || a.passes || b.passes || a.conditions.size() != 1 || b.conditions.size() != 1) return false;
  const FilterCondition &x = a.conditions[0], &y = b.conditions[0];
  return x.test == FilterTest::Equals && y.test == FilterTest::Equals && x.arg == y.arg && x.word == y.word && x.mask == y.mask;
}

Program one_of(std::span<const FilterRule> rules) {
  Program steps;
  load_word(steps, rules[0].conditions[0]);
  for (size_t left = rules.size(); left-- > 0;) {
    const uint32_t value = rules[rules.size() - 1 - left].conditions[0].value;
    steps.push_back(jump(BPF_JEQ, value, static_cast<uint8_t>(left), left == 0 ? 1 : 0));
  }
  steps.push_back(answer(kStopForUs));
  return steps;
}

Program alternative(const std::vector<FilterCondition>& conditions) { return answer_if(conditions, kStopForUs); }

// Passes at its instruction pointer when its conditions hold, else goes on behind.
Program gate(const FilterGate& gate) {
  constexpr size_t kLow = offsetof(seccomp_data, instruction_pointer), kHigh = kLow + sizeof(uint32_t);
  const Program pass = answer_if(gate.conditions, SECCOMP_RET_ALLOW);
  const uint8_t behind = static_cast<uint8_t>(pass.size());
  Program steps = {
      load(kLow),
      jump(BPF_JEQ, static_cast<uint32_t>(gate.ip), 0, static_cast<uint8_t>(behind + 2)),
      load(kHigh),
      jump(BPF_JEQ, static_cast<uint32_t>(gate.ip >> 32), 0, behind),
  };
  append(steps, pass);
  return steps;
}

// All rules of one number, one after another.
Program leaf_of(std::span<const FilterRule> rules) {
  Program leaf;
  for (const FilterRule& rule : rules) {
    if (rule.over_gates) append(leaf, alternative(rule.conditions));
  }
  for (const FilterRule& rule : rules) {
    for (const FilterGate& one : rule.gates) append(leaf, gate(one));
    if (rule.passes) append(leaf, answer_if(rule.conditions, SECCOMP_RET_ALLOW));
  }
  for (size_t i = 0; i < rules.size();) {
    size_t end = i + 1;
    while (end < rules.size() && asks_alike(rules[i], rules[end])) ++end;
    if (end > i + 1) append(leaf, one_of(rules.subspan(i, end - i)));
    else if (!rules[i].over_gates && !rules[i].passes) append(leaf, alternative(rules[i].conditions));
    if (rules[i].conditions.empty()) return leaf;
    i = end;
  }
  append(leaf, kAllow);
  return leaf;
}

bool same(const Program& a, const Program& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const sock_filter& x, const sock_filter& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

void add_range(std::vector<Range>& ranges, uint32_t first, Program leaf, uint64_t weight = 1) {
  if (!ranges.empty() && ranges.back().first == first) ranges.pop_back();
  if (ranges.empty() || !same(ranges.back().leaf, leaf)) ranges.push_back({first, std::move(leaf)});
  ranges.back().weight += weight;
}

// Numbers that have another convention's bit. -1 has every bit set; it is no call of any convention but what
// a tracer writes to skip one.
void add_foreign(std::vector<Range>& ranges, uint32_t foreign) {
  if (kForeignNumberBit == 0) return;
  static_assert(kForeignNumberBit == 0 || kForeignNumberBit == 1u << 30);
  for (const uint32_t high : {0u, 1u << 31}) {
    if (high != 0) add_range(ranges, high, kAllow, 0);
    add_range(ranges, high | kForeignNumberBit, {answer(foreign)}, 0);
  }
  add_range(ranges, 0xffffffffu, kAllow, 0);
}

std::vector<Range> ranges_of(std::span<const FilterRule> rules, uint32_t foreign, uint32_t stops_from) {
  std::vector<Range> ranges;
  add_range(ranges, 0, kAllow);
  for (size_t i = 0; i < rules.size();) {
    size_t end = i;
    uint64_t weight = 0;
    for (; end < rules.size() && rules[end].nr == rules[i].nr; ++end) weight = std::max<uint64_t>(weight, rules[end].weight);
    add_range(ranges, rules[i].nr, leaf_of(rules.subspan(i, end - i)), weight);
    add_range(ranges, rules[i].nr + 1, kAllow);
    i = end;
  }
  if (stops_from < kNoNumber) add_range(ranges, stops_from, {answer(kStopForUs)}, 0);
  if (kForeignNumberBit == 0 && stops_from < kNoNumber) add_range(ranges, kNoNumber, kAllow, 0);
  add_foreign(ranges, foreign);
  return ranges;
}

// Where the two sides' weights differ least.
size_t middle_of(std::span<const Range> ranges) {
  uint64_t left = 0, right = 0;
  for (const Range& range : ranges) right += range.weight;
  size_t best = 1;
  uint64_t least = ~0ull;
  for (size_t i = 1; i < ranges.size(); ++i) {
    left += ranges[i - 1].weight;
    right -= ranges[i - 1].weight;
    const uint64_t difference = left < right ? right - left : left - right;
    if (difference < least) least = difference, best = i;
  }
  return best;
}

Program tree(std::span<const Range> ranges) {
  if (ranges.size() == 1) return ranges[0].leaf;
  const size_t middle = middle_of(ranges);
  const Program left = tree(ranges.first(middle));
  Program program;
  if (left.size() <= 255) {
    program.push_back(jump(BPF_JGE, ranges[middle].first, static_cast<uint8_t>(left.size()), 0));
  } else {
    program.push_back(jump(BPF_JGE, ranges[middle].first, 0, 1));
    program.push_back(bpf::jump_far(static_cast<uint32_t>(left.size())));
  }
  append(program, left);
  append(program, tree(ranges.subspan(middle)));
  return program;
}

}  // namespace

std::vector<sock_filter> build_filter(std::vector<FilterRule> rules, uint32_t foreign, uint32_t stops_from) {
  std::stable_sort(rules.begin(), rules.end(), [](const FilterRule& a, const FilterRule& b) { return a.nr < b.nr; });
  Program program = {
      load(offsetof(seccomp_data, arch)),
      jump(BPF_JEQ, kAuditNative, 1, 0),
      answer(foreign),
      load(offsetof(seccomp_data, nr)),
  };
  append(program, tree(ranges_of(rules, foreign, stops_from)));
  return program;
}

}  // namespace vedette
