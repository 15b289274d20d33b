// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/deadline.h"

#include <doctest/doctest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "capture/kernel/clock.h"

using namespace vedette;

namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kMost = 5 * kMillisecond;

}  // namespace

TEST_CASE("a call that answers in time has its own answer") {
  const Result<long> pid = call_within(kMost, SYS_getpid, 0, 0, 0, 0);
  REQUIRE(pid);
  CHECK(*pid == ::getpid());
  const Result<long> refused = call_within(kMost, SYS_close, -1, 0, 0, 0);
  CHECK(refused.error().get() == EBADF);
}

TEST_CASE("a call that the kernel would make again after each signal ends at its deadline") {
  uint32_t word = 0;
  for (int i = 0; i < 3; ++i) {
    const uint64_t begun = monotonic_ns();
    const Result<long> answer = call_within(kMost, SYS_futex, reinterpret_cast<long>(&word), FUTEX_WAIT_PRIVATE, 0, 0);
    REQUIRE(!answer);
    CHECK(answer.error().get() == EINTR);
    CHECK(monotonic_ns() - begun >= kMost);
  }
}

TEST_CASE("a deadline that is over disturbs no later call") {
  (void)call_within(kMost, SYS_getpid, 0, 0, 0, 0);
  const timespec pause{0, static_cast<long>(3 * kMost)};
  CHECK(::nanosleep(&pause, nullptr) == 0);
}
