// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/launch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "capture/kernel/filter.h"
#include "capture/kernel/ptrace.h"
#include "capture/kernel/wait_status.h"

using namespace vedette;

namespace {

// A folder with a program and a file that is none, as the only folder of PATH.
struct Folder {
  char path[32] = "/tmp/vedette-launch-XXXXXX";
  std::string former = ::getenv("PATH");
  Folder() {
    REQUIRE(::mkdtemp(path) != nullptr);
    make("program", 0755);
    make("plain", 0644);
    ::setenv("PATH", (std::string("/nowhere:") + path).c_str(), 1);
  }
  ~Folder() {
    ::setenv("PATH", former.c_str(), 1);
    for (const char* name : {"program", "plain"}) ::unlink(in(name).c_str());
    ::rmdir(path);
  }
  std::string in(const char* name) const { return std::string(path) + "/" + name; }
  void make(const char* name, mode_t mode) const { ::close(::open(in(name).c_str(), O_CREAT | O_WRONLY, mode)); }
};

}  // namespace

TEST_CASE("a program is found where execvp would find it") {
  const Folder folder;
  const Result<std::string> found = find_program("program");
  REQUIRE(found);
  CHECK(*found == folder.in("program"));
  CHECK(*find_program(folder.in("program").c_str()) == folder.in("program"));
}

TEST_CASE("what cannot be run is told apart from what is not there") {
  const Folder folder;
  CHECK(find_program("plain").error() == Errno(EACCES));
  CHECK(find_program("missing").error() == Errno(ENOENT));
  CHECK(find_program("").error() == Errno(ENOENT));
  CHECK(find_program(folder.path).error() == Errno(EACCES));
  CHECK(find_program((folder.in("program") + "/x").c_str()).error() == Errno(ENOTDIR));
}

namespace {

// Lets a launched child run to its end; how often the filter stopped it on the way.
int run_to_end(Tid tid, WaitStatus& status) {
  int stops = 0, raw = 0;
  while (::waitpid(tid.get(), &raw, __WALL) == tid.get()) {
    status = WaitStatus(raw);
    if (status.is_over()) break;
    stops += status.event() == PTRACE_EVENT_SECCOMP;
    if (status.is_group_stop()) {
      (void)ptrace_resume(tid, Resume::Listen);
    } else {
      (void)ptrace_resume(tid, Resume::Run, status.event() == 0 ? status.stop_signal() : 0);
    }
  }
  return stops;
}

const std::vector<sock_filter> kExecFilter = build_filter({{SYS_execve, {}}}, kStopForUs);

}  // namespace

TEST_CASE("a launched program stops at its exec first, every time, and ends as it does without us") {
  constexpr int kLaunches = 200;  // the child races the parent from the filter to the exec
  for (int i = 0; i < kLaunches; ++i) {
    Launch launch({const_cast<char*>("sh"), const_cast<char*>("-c"), const_cast<char*>("exit 7")}, "/bin/sh", 0);
    Launched launched;
    if (!launch.start(kExecFilter, false, launched)) {
      MESSAGE("skipped: launching under ptrace and seccomp is not allowed here");
      return;
    }
    WaitStatus status;
    CHECK(run_to_end(launched.tid, status) == 1);
    CHECK(launched.listener.is_open());
    CHECK_FALSE(launch.failed());
    REQUIRE(status.shell_status() == 7);
  }
}

namespace {

// Signals our next child as soon as there is one, as a terminal or a `timeout` does that signals the whole
// group.
void signal_next_child(std::span<const int> signals, const std::atomic<bool>& is_over) {
  const std::string list = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  while (!is_over) {
    std::ifstream children(list);
    pid_t child = 0;
    if (!(children >> child)) continue;
    for (const int signal : signals) ::kill(child, signal);
    return;
  }
}

}  // namespace

TEST_CASE("a signal that comes before the filter stands is delivered, and the launch goes on") {
  struct Row {
    std::vector<int> signals;
    int shell_status;
  };
  for (const Row& row : {Row{{SIGHUP}, 128 + SIGHUP}, Row{{SIGSTOP, SIGCONT}, 7}, Row{{SIGCONT}, 7}}) {
    for (int i = 0; i < 20; ++i) {
      CAPTURE(row.signals[0]);
      // As the agent has it: blocked while we launch, and not blocked for the program.
      sigset_t blocked, former;
      ::sigfillset(&blocked);
      ::pthread_sigmask(SIG_BLOCK, &blocked, &former);
      Launch launch({const_cast<char*>("sh"), const_cast<char*>("-c"), const_cast<char*>("exit 7")}, "/bin/sh", 0);
      Launched launched;
      std::atomic<bool> is_over = false;
      std::thread sender([&] { signal_next_child(row.signals, is_over); });
      const bool started = launch.start(kExecFilter, false, launched);
      is_over = !started;
      sender.join();
      ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
      if (!started) {
        MESSAGE("skipped: launching under ptrace and seccomp is not allowed here");
        return;
      }
      WaitStatus status;
      (void)run_to_end(launched.tid, status);
      REQUIRE(status.shell_status() == row.shell_status);
    }
  }
}

TEST_CASE("a program whose exec fails says why, once it has ended") {
  Launch launch({const_cast<char*>("x")}, "/etc/passwd", 0);
  Launched launched;
  if (!launch.start(kExecFilter, false, launched)) {
    MESSAGE("skipped: launching under ptrace and seccomp is not allowed here");
    return;
  }
  WaitStatus status;
  (void)run_to_end(launched.tid, status);
  REQUIRE(launch.failed());
  CHECK(launch.failure().step == LaunchStep::Execute);
  CHECK(launch.failure().why == Errno(EACCES));
}
