// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/launch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
    (void)ptrace_resume(tid, Resume::Run);
  }
  return stops;
}

const std::vector<sock_filter> kExecFilter = build_filter({{SYS_execve, {}}}, SECCOMP_RET_TRACE);

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
