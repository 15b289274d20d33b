// SPDX-License-Identifier: Apache-2.0
// What the filter lets pass at the gates, and at what price.
#include "capture/tracer/inline_filter.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>

#include "capture/tracer/capture_filter.h"
#include "test/capture/kernel/classic_bpf.h"

using namespace vedette;

namespace {

std::vector<sock_filter> inline_filter(Integrity integrity) {
  std::vector<FilterRule> rules = capture_rules();
  add_inline_rules(rules, integrity, 7, make_boot_secret());
  return build_filter(std::move(rules), SECCOMP_RET_TRACE);
}

seccomp_data through(Shape shape, uint32_t nr) {
  seccomp_data data = call(nr);
  data.instruction_pointer = AgentPage::addresses(shape).gate + 2;
  return data;
}

}  // namespace

TEST_CASE("a number passes at the gate of its own shape, and stops at every other") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  for (const InlineCall& one : inline_calls()) {
    CAPTURE(one.nr);
    for (size_t shape = 0; shape < static_cast<size_t>(Shape::Count); ++shape) {
      const bool is_own = static_cast<Shape>(shape) == one.shape;
      CHECK(run(filter, through(static_cast<Shape>(shape), one.nr)) == (is_own ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRACE));
    }
    seccomp_data far = through(one.shape, one.nr);
    far.instruction_pointer |= 1ull << 32;
    CHECK(run(filter, far) == SECCOMP_RET_TRACE);
  }
}

TEST_CASE("what moves bytes passes its gate in a dozen instructions or little more") {
  const std::vector<sock_filter> filter = inline_filter(Integrity::Normal);
  const auto steps = [&filter](Shape shape, uint32_t nr) {
    int count = 0;
    CHECK(run(filter, through(shape, nr), &count) == SECCOMP_RET_ALLOW);
    return count;
  };
  for (const uint32_t nr : {SYS_read, SYS_pread64}) CHECK(steps(Shape::BytesIn, nr) <= 12);
  for (const uint32_t nr : {SYS_write, SYS_pwrite64}) CHECK(steps(Shape::BytesOut, nr) <= 12);
  CHECK(steps(Shape::Receive, SYS_recvfrom) <= 14);
}
