// SPDX-License-Identifier: Apache-2.0
// How fast hellos may reach JavaScript. Each costs its thread some tenths of a millisecond, and whoever can
// connect can say one: a flood of hellos with a wrong secret must not take the time in which alerts are
// written. Each gets a turn; who comes too fast waits for it in a thread of its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

namespace vedette::addon {

class HelloGate {
 public:
  // When this hello may be told (monotonic, ns).
  uint64_t turn(uint64_t now_ns) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t told = std::max(now_ns, next_ns_);
    const uint64_t saved = kBurst * kEachNs;
    next_ns_ = std::max(next_ns_, now_ns > saved ? now_ns - saved : 0) + kEachNs;
    return told;
  }

 private:
  static constexpr uint64_t kEachNs = 10'000'000;
  static constexpr uint64_t kBurst = 32;

  std::mutex mutex_;
  uint64_t next_ns_ = 0;
};

}  // namespace vedette::addon
