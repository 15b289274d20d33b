// SPDX-License-Identifier: Apache-2.0
// What the kernel will decide (classic_bpf.h) is checked for every number against the rules the filter was
// built from.
#include "capture/kernel/filter.h"

#include <doctest/doctest.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "capture/decode/syscalls.h"
#include "capture/kernel/arch.h"
#include "capture/tracer/capture_filter.h"
#include "test/capture/kernel/classic_bpf.h"

using namespace vedette;

namespace {

bool holds(const FilterRule& rule, const seccomp_data& data) {
  for (const FilterCondition& c : rule.conditions) {
    const uint32_t word = static_cast<uint32_t>(c.word == FilterWord::Low ? data.args[c.arg] : data.args[c.arg] >> 32) & c.mask;
    if (c.test == FilterTest::Equals ? word != c.value : (word < c.value) != (c.test == FilterTest::Below)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("the capture filter stops exactly the numbers of decode's table") {
  const std::vector<FilterRule> rules = capture_rules();
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs);
  REQUIRE(!rules.empty());
  CHECK(program.size() < BPF_MAXINSNS);
  for (uint32_t nr = 0; nr < 600; ++nr) {
    // all-zero and all-one arguments meet and miss every condition of the table between them
    for (const uint64_t fill : {uint64_t{0}, ~uint64_t{0}}) {
      const seccomp_data data = call(nr, {fill, fill, fill, fill, fill, fill});
      bool stops = false;
      for (const FilterRule& rule : rules) stops = stops || (rule.nr == nr && holds(rule, data));
      CAPTURE(nr);
      CHECK(run_filter(program, data) == (stops ? kStopForUs : SECCOMP_RET_ALLOW));
    }
  }
}

TEST_CASE("a call passes whose arguments a passing rule names, whatever else its number's rules say") {
  FilterRule passing{SYS_shmat, {{3, 0xffffffff, 7}, {4, 0xffffffff, 8, FilterWord::High}}};
  passing.passes = true;
  const std::vector<sock_filter> program = build_filter({{SYS_shmat, {}}, passing}, kStopForUs);
  CHECK(run_filter(program, call(SYS_shmat, {1, 2, 3, 7, 8ull << 32})) == SECCOMP_RET_ALLOW);
  CHECK(run_filter(program, call(SYS_shmat, {1, 2, 3, 7, 8})) == kStopForUs);
  CHECK(run_filter(program, call(SYS_shmat, {1, 2, 3, 6, 8ull << 32})) == kStopForUs);
  CHECK(run_filter(program, call(SYS_shmdt, {1, 2, 3, 6, 8})) == SECCOMP_RET_ALLOW);
}

TEST_CASE("each condition of the capture set decides by the argument it names") {
  const std::vector<FilterRule> rules = capture_rules();
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs);
  for (const FilterRule& rule : rules) {
    seccomp_data data = call(rule.nr);
    for (const FilterCondition& c : rule.conditions) data.args[c.arg] = uint64_t{c.value} << (c.word == FilterWord::High ? 32 : 0);
    CAPTURE(rule.nr);
    CHECK(run_filter(program, data) == kStopForUs);
    // the kernel looks at the low half of such an argument only, and so do we
    for (const FilterCondition& c : rule.conditions) data.args[c.arg] |= uint64_t{1} << 40;
    CHECK(run_filter(program, data) == kStopForUs);
  }
}

TEST_CASE("reading its own limits stops no program; another's, or setting any, does") {
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs);
  CHECK(run_filter(program, call(SYS_prlimit64, {0, 3, 0, 0x7ffe00000000})) == SECCOMP_RET_ALLOW);
  CHECK(run_filter(program, call(SYS_prlimit64, {1, 3, 0, 0x7ffe00000000})) == kStopForUs);
  CHECK(run_filter(program, call(SYS_prlimit64, {0, 3, 0x7ffe00000000, 0})) == kStopForUs);
  CHECK(run_filter(program, call(SYS_prlimit64, {0, 3, 8, 0})) == kStopForUs);
}

TEST_CASE("an ioctl stops for the requests that reach further than their descriptor, and pays little for any other") {
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs);
  for (const uint32_t request : kRequests) {
    CHECK(run_filter(program, call(SYS_ioctl, {0, request})) == kStopForUs);
    CHECK(run_filter(program, call(SYS_ioctl, {0, request | uint64_t{7} << 32})) == kStopForUs);  // the kernel takes 32 bits of it
  }
  constexpr int kStepsMax = 22;
  for (const uint64_t request : {0x5401, 0x5413, 0x541b, 0x5421}) {  // TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO
    int steps = 0;
    CHECK(run_filter(program, call(SYS_ioctl, {0, request}), &steps) == SECCOMP_RET_ALLOW);
    CHECK(steps <= kStepsMax);
  }
}

TEST_CASE("numbers younger than our lists stop; those that are none pass") {
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs, kCallsEnd);
  CHECK(run_filter(program, call(kCallsEnd - 1)) == (find_row(kNativeAbi, kCallsEnd - 1) != nullptr ? kStopForUs : SECCOMP_RET_ALLOW));
  for (const uint32_t nr : {kCallsEnd, 511u, 1u << 29}) CHECK(run_filter(program, call(nr)) == kStopForUs);
  for (const uint32_t nr : {kNoNumber, 0xffffffffu}) CHECK(run_filter(program, call(nr)) == SECCOMP_RET_ALLOW);
}

TEST_CASE("an unconditional number is decided in a logarithmic number of steps") {
  const std::vector<sock_filter> program = build_filter(capture_rules(), kStopForUs);
  constexpr int kStepsMax = 18;
  for (uint32_t nr = 0; nr < 600; ++nr) {
    int steps = 0;
    (void)run_filter(program, call(nr), &steps);
    CAPTURE(nr);
    const Row* const row = find_row(kNativeAbi, nr);
    if (row == nullptr || (row->conditions.empty() && !row->is(kNotOwnReading) && !row->is(kOfRequests))) CHECK(steps <= kStepsMax);
  }
}

TEST_CASE("what is asked for most is decided in the fewest steps") {
  std::vector<FilterRule> rules;
  for (uint32_t nr = 0; nr < 200; nr += 2) rules.push_back({nr, {}});
  const auto steps_to = [&rules](uint32_t nr) {
    int steps = 0;
    CHECK(run_filter(build_filter(rules, kStopForUs), call(nr), &steps) == kStopForUs);
    return steps;
  };
  const int before = steps_to(100);
  rules[50].weight = 100;
  CHECK(steps_to(100) < before - 3);
  CHECK(steps_to(0) <= before + 3);
}

TEST_CASE("alternatives of one number are tried one after another") {
  const std::vector<sock_filter> program = build_filter(
      {{7, {{1, 0xff, 3}}}, {7, {{2, 0x4, 0x4}, {0, ~0u, 9}}}, {9, {}}}, SECCOMP_RET_KILL_PROCESS);
  CHECK(run_filter(program, call(7, {0, 3, 0})) == kStopForUs);
  CHECK(run_filter(program, call(7, {9, 0, 4})) == kStopForUs);
  CHECK(run_filter(program, call(7, {8, 0, 4})) == SECCOMP_RET_ALLOW);
  CHECK(run_filter(program, call(8)) == SECCOMP_RET_ALLOW);
  CHECK(run_filter(program, call(9)) == kStopForUs);
  CHECK(run_filter(program, call(10)) == SECCOMP_RET_ALLOW);
}

TEST_CASE("a gate lets pass what it is for, from its own address, and nothing else") {
  const std::vector<sock_filter> program = build_filter(
      {{7, {}, {{0x100000010, {{2, ~0u, 10}, {0, ~0u, 0x6a00, FilterWord::High}}}, {0x20}}}, {8, {}}}, SECCOMP_RET_KILL_PROCESS);
  const auto from = [&](uint64_t ip, uint32_t nr, std::initializer_list<uint64_t> args) {
    seccomp_data data = call(nr, args);
    data.instruction_pointer = ip;
    return run_filter(program, data);
  };
  CHECK(from(0x100000010, 7, {0x6a0000000000, 1, 10}) == SECCOMP_RET_ALLOW);
  CHECK(from(0x100000010, 7, {0x6a0000000000, 1, 4}) == kStopForUs);
  CHECK(from(0x100000010, 7, {0x10000, 1, 10}) == kStopForUs);
  CHECK(from(0x10, 7, {0x6a0000000000, 1, 10}) == kStopForUs);
  CHECK(from(0x100000020, 7, {0x6a0000000000, 1, 10}) == kStopForUs);
  CHECK(from(0x20, 7, {1, 2, 3}) == SECCOMP_RET_ALLOW);
  CHECK(from(0x20, 8, {1, 2, 3}) == kStopForUs);
}

TEST_CASE("a left subtree longer than a conditional jump reaches is still passed") {
  std::vector<FilterRule> rules;
  for (uint32_t nr = 0; nr < 400; nr += 2) rules.push_back({nr, {{0, ~0u, nr}}});
  const std::vector<sock_filter> program = build_filter(rules, SECCOMP_RET_KILL_PROCESS);
  REQUIRE(program.size() > 1000);
  for (uint32_t nr = 0; nr < 402; ++nr) {
    CAPTURE(nr);
    const bool stops = nr % 2 == 0 && nr < 400;
    CHECK(run_filter(program, call(nr, {nr})) == (stops ? kStopForUs : SECCOMP_RET_ALLOW));
  }
}

TEST_CASE("other conventions get the foreign answer, a skipped call does not") {
  const std::vector<sock_filter> program = build_filter({{1, {}}}, SECCOMP_RET_KILL_PROCESS);
  seccomp_data data = call(1);
  data.arch = kAuditForeign;
  CHECK(run_filter(program, data) == SECCOMP_RET_KILL_PROCESS);
  const uint32_t bit = kForeignNumberBit;
  if (bit != 0) {
    for (const uint32_t nr : {bit, bit | 1, 2 * bit - 1, 3 * bit, 3 * bit | 1, 0xfffffffeu}) CHECK(run_filter(program, call(nr)) == SECCOMP_RET_KILL_PROCESS);
    for (const uint32_t nr : {bit - 1, 2 * bit, 2 * bit | 1, 3 * bit - 1}) CHECK(run_filter(program, call(nr)) == SECCOMP_RET_ALLOW);
  }
  CHECK(run_filter(program, call(0xffffffffu)) == SECCOMP_RET_ALLOW);
}
