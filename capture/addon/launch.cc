// SPDX-License-Identifier: Apache-2.0
#include "capture/addon/launch.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "capture/addon/own_process.h"

namespace vedette::addon {

namespace {
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> found;
  for (const std::string& text : texts) found.push_back(const_cast<char*>(text.c_str()));
  found.push_back(nullptr);
  return found;
}

// The soft limit that Node found when it started and then raised to the hard one: our parent's, as far as
// anyone can tell. While this lives, a child inherits it. In the microseconds between, no thread of ours
// opens anything past it.
class FormerFileLimit {
 public:
  FormerFileLimit() {
    rlimit parents{};
    if (getrlimit(RLIMIT_NOFILE, &ours_) != 0 || ours_.rlim_cur != ours_.rlim_max) return;
    if (prlimit(getppid(), RLIMIT_NOFILE, nullptr, &parents) != 0 || parents.rlim_max != ours_.rlim_max) return;
    lowered_ = parents.rlim_cur < ours_.rlim_cur && setrlimit(RLIMIT_NOFILE, &parents) == 0;
  }
  ~FormerFileLimit() {
    if (lowered_) setrlimit(RLIMIT_NOFILE, &ours_);
  }

 private:
  rlimit ours_{};
  bool lowered_ = false;
};

// The first number behind all that is kept.
int end_of_kept(const LaunchOptions& options) {
  return 1 + (options.inherited.empty() ? options.stream : std::max(options.stream, std::ranges::max(options.inherited)));
}

// Libraries of Node's open files without CLOEXEC in threads of their own (OpenSSL a certificate, V8
// /proc/self/maps), maybe just now. A new descriptor gets the lowest free number, so there are none among
// high ones that we were given. posix_spawn takes a close of a number that is not open, below the limit
// (glibc, sysdeps/unix/sysv/linux/spawni.c).
void close_between(posix_spawn_file_actions_t& actions, const LaunchOptions& options) {
  constexpr int kFirst = 3, kLow = 1024;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto is_kept = [&](int fd) { return fd == options.stream || std::ranges::find(options.inherited, fd) != options.inherited.end(); };
  const int end = static_cast<int>(std::min<rlim_t>(std::min(end_of_kept(options), kLow), limit.rlim_cur));
  for (int fd = kFirst; fd < end; fd++) {
    if (!is_kept(fd)) posix_spawn_file_actions_addclose(&actions, fd);
  }
}

int spawn(pid_t& pid, const LaunchOptions& options, int stream) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  // A dup2 clears CLOEXEC, also when the two are the same: Node marked all that it inherited, the standard
  // streams too.
  for (int number = 0; number < 3; number++) posix_spawn_file_actions_adddup2(&actions, options.stdio[number], number);
  for (const int fd : options.inherited) posix_spawn_file_actions_adddup2(&actions, fd, fd);
  posix_spawn_file_actions_adddup2(&actions, stream, options.stream);
  posix_spawn_file_actions_addclosefrom_np(&actions, std::max(end_of_kept(options), 3));
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  for (const int number : deaf_to()) sigaddset(&defaults, number);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const FormerFileLimit limit;  // not above: no action is taken that names a number beyond the limit
  close_between(actions, options);
  const int error = posix_spawn(&pid, options.file.c_str(), &actions, &attributes, pointers(options.arguments).data(), pointers(options.environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}
}  // namespace

Launched launch(const LaunchOptions& options) {
  shut_own_process();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {.error = errno};
  Launched launched{.socket = ends[0]};
  launched.error = spawn(launched.pid, options, ends[1]);
  ::close(ends[1]);
  if (launched.error != 0) {
    ::close(ends[0]);
    return {.error = launched.error};
  }
  return launched;
}

}  // namespace vedette::addon
