// SPDX-License-Identifier: Apache-2.0
#include "capture/outsiders/lookout.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "capture/kernel/clock.h"
#include "capture/kernel/proc.h"
#include "capture/tracer/wake.h"

namespace vedette {
namespace {

constexpr uint64_t kPollNs = 5'000'000;
constexpr long kRestNs = 300'000;   // a child of our own is heard of by then
constexpr pid_t kFarMax = 4096;     // numbers worth asking for one by one; also: more behind is not late, it began anew

// Opened by Go's runtime as it starts, and by runc's code for capabilities; both by `runc init` inside the
// container.
constexpr const char* kFiles[] = {"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "/proc/sys/kernel/cap_last_cap"};

// "0.00 0.01 0.05 1/203 4711": the last is the number most recently given in the reader's pid namespace.
pid_t read_cursor(const Fd& loadavg) {
  char text[96];
  const ssize_t size = ::pread(loadavg.get(), text, sizeof text, 0);
  if (size <= 0) return 0;
  const std::string_view line(text, static_cast<size_t>(size));
  const size_t at = line.rfind(' ');
  pid_t number = 0;
  if (at != line.npos) std::from_chars(line.data() + at + 1, line.data() + line.size(), number);
  return number;
}

void pause_ns(long ns) {
  const timespec pause{0, ns};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

void Lookout::start() {
  cursor_ = open_at(ProcPath("loadavg"), O_RDONLY);
  const pid_t newest = cursor_.is_open() ? read_cursor(cursor_) : 0;
  if (newest == 0 || !accept_wakes()) return;
  watch_files();
  tracer_ = static_cast<pid_t>(::syscall(SYS_gettid));
  watching_ = ::pthread_create(&thread_, nullptr, thread_main, this) == 0;
  due_ = watching_;
}

void Lookout::watch_files() {
  files_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!files_.is_open()) return;
  for (const char* const path : kFiles) (void)::inotify_add_watch(files_.get(), path, IN_OPEN);
}

void Lookout::note(pid_t number) {
  const pid_t known = known_.load(std::memory_order_relaxed);
  if (number == known + 1) return known_.store(number, std::memory_order_relaxed);
  if (number <= known && known - number < kFarMax) return late_.push_back(number);  // looked at already, while it was in flight
  ours_.push_back(number);
  due_.store(true, std::memory_order_relaxed);
}

Lookout::Numbers Lookout::take() {
  due_.store(false, std::memory_order_relaxed);
  const pid_t known = known_.load(std::memory_order_relaxed);
  const pid_t newest = read_cursor(cursor_);
  known_.store(newest, std::memory_order_relaxed);
  const bool all = known == 0 || newest < known || newest - known > kFarMax;
  std::erase_if(ours_, [&](pid_t number) { return all || number <= known; });
  return {known + 1, newest, all};
}

bool Lookout::is_ours(pid_t number) const { return std::find(ours_.begin(), ours_.end(), number) != ours_.end(); }

void* Lookout::thread_main(void* self) {
  static_cast<Lookout*>(self)->run();
  return nullptr;
}

void Lookout::run() {
  for (uint64_t looked_ns = 0;;) {
    const uint64_t every_ns = every_ns_.load(std::memory_order_relaxed);
    rest(every_ns == 0 ? kPollNs : std::min(every_ns, kPollNs));
    const pid_t newest = read_cursor(cursor_);
    if (!is_known(newest)) pause_ns(kRestNs);
    const uint64_t now_ns = monotonic_ns();
    if (!is_known(newest) || (every_ns != 0 && now_ns - looked_ns >= every_ns)) {
      looked_ns = now_ns;
      due_.store(true, std::memory_order_relaxed);
    }
    // Again until it has looked: a wake that comes just before its wait begins is lost.
    if (due_.load(std::memory_order_relaxed)) ::syscall(SYS_tgkill, ::getpid(), tracer_, wake_signal());
  }
}

bool Lookout::is_known(pid_t number) const {
  const pid_t known = known_.load(std::memory_order_relaxed);
  return known >= number && known - number < kFarMax;
}

void Lookout::rest(uint64_t ns) {
  pollfd slot{files_.get(), POLLIN, 0};
  const timespec most{0, static_cast<long>(ns)};
  ::ppoll(&slot, files_.is_open() ? 1 : 0, &most, nullptr);
  char events[1024];
  while (files_.is_open() && ::read(files_.get(), events, sizeof events) > 0) {}
}

}  // namespace vedette
