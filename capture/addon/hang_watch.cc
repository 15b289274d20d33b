// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/hang_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

namespace vedette::addon {

namespace {
constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNothingNs = 50 * kNsPerMs;  // of processor time: of who waits

std::atomic<uint64_t> answers{0};
std::atomic<bool> is_watched{false};

// The thread that is watched.
struct Watched {
  clockid_t clock;
  std::string stat;

  uint64_t cpu_ns() const {
    timespec used{};
    clock_gettime(clock, &used);
    return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
  }

  // 'R', 'S', 'D' and others; none where it cannot be read.
  std::optional<char> state() const {
    char line[512];
    const int file = open(stat.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    const ssize_t size = read(file, line, sizeof line - 1);
    close(file);
    if (size <= 0) return std::nullopt;
    line[size] = 0;
    const char* const end_of_name = std::strrchr(line, ')');
    if (end_of_name == nullptr || end_of_name[1] == 0) return std::nullopt;
    return end_of_name[2];
  }
};

void look_on(const Watched watched, const HangLimits limits, const std::string text, const int status) {
  uint64_t heard = answers, since = watched.cpu_ns();
  uint32_t looks = 0, asleep = 0;
  for (;;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(limits.look_ms));
    if (const uint64_t now = answers; now != heard) {
      heard = now;
      since = watched.cpu_ns();
      looks = asleep = 0;
      continue;
    }
    looks++;
    const std::optional<char> state = watched.state();
    if (state == 'S' || state == 'D') asleep++;
    if (looks < limits.looks) continue;
    const uint64_t used = watched.cpu_ns() - since;
    const bool runs = used >= limits.cpu_ms * kNsPerMs;
    const bool is_stuck = asleep == looks && used < kNothingNs;
    if (!runs && !is_stuck) continue;
    [[maybe_unused]] const ssize_t said = write(2, text.data(), text.size());
    _exit(status);
  }
}
}  // namespace

void watch_for_hang(HangLimits limits, std::string text, int status) {
  if (is_watched.exchange(true)) return;
  Watched watched{};
  pthread_getcpuclockid(pthread_self(), &watched.clock);
  watched.stat = "/proc/self/task/" + std::to_string(syscall(SYS_gettid)) + "/stat";
  std::thread(look_on, std::move(watched), limits, std::move(text), status).detach();
}

void answer_watch() { answers++; }

}  // namespace vedette::addon
