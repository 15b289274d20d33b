// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/child.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace vedette::addon {

namespace {
// Without a pidfd there is nothing to sleep on: look this often.
constexpr int kLookMs = 5;

int open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // always CLOEXEC
#else
  (void)pid;
  return -1;
#endif
}
}  // namespace

Child::Child(pid_t pid, uint32_t stream, Outbox& outbox)
    : pid_(pid), stream_(stream), outbox_(outbox), pidfd_(open_pidfd(pid)), stop_(eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

Child::~Child() {
  const uint64_t one = 1;
  while (write(stop_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  close(stop_);
  if (pidfd_ >= 0) close(pidfd_);
}

bool Child::signal(int number) {
  const std::lock_guard<std::mutex> lock(living_);
  return !gone_ && kill(pid_, number) == 0;
}

void Child::run() {
  if (wait_for_end()) outbox_.post({.kind = News::Kind::Exit, .stream = stream_, .status = status_});
}

bool Child::wait_for_end() {
  pollfd events[2] = {{stop_, POLLIN, 0}, {pidfd_, POLLIN, 0}};  // poll skips a negative descriptor
  for (;;) {
    const int ready = poll(events, 2, pidfd_ >= 0 ? -1 : kLookMs);
    if (ready > 0 && events[0].revents != 0) return false;
    if (reap()) return true;
  }
}

bool Child::reap() {
  const std::lock_guard<std::mutex> lock(living_);
  const pid_t ended = waitpid(pid_, &status_, WNOHANG);
  // ECHILD: somebody else waited for it (SIGCHLD ignored); that it ended is all that is known.
  if (ended == 0 || (ended < 0 && errno != ECHILD)) return false;
  gone_ = true;
  return true;
}

}  // namespace vedette::addon
