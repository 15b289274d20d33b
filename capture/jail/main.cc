// SPDX-License-Identifier: Apache-2.0
// vedette-jail [--memory-mib N] [--read PATH]... PROGRAM [ARGUMENT]...: runs a program that may compute, talk
// through the descriptors it was given, and read the files below each PATH and what a program needs to start;
// and nothing else. The kernel holds it to that (seccomp(2), with no_new_privs), whatever happens inside the
// program. The host puts into it what runs tenants' policies.
//
//   allowed      the calls of calls.h: what Node makes, collected by strace over all tests that use cells
//   asked for    opens to read, and execve: this process answers them (files.h), since a filter cannot see a path
//   ENOSYS       what no kernel has that we know, and clone3 and openat2, whose arguments a filter cannot see: libraries fall back
//   EPERM        all others
//
// Two processes: the program is a child of this one, which waits for its opens and for its end, and ends as
// it did. When this one is killed, the kernel kills the child (PR_SET_PDEATHSIG).
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "capture/jail/calls.h"
#include "capture/jail/files.h"

namespace {

using vedette::jail::Files;

struct Options {
  unsigned long memory_mib = 0;
  std::vector<std::string> readable;
  char** program = nullptr;
};

int fail(const char* what) {
  fprintf(stderr, "vedette-jail: %s: %s\n", what, strerror(errno));
  return 125;
}

bool read_options(char** argv, Options& options) {
  char** at = argv + 1;
  for (; at[0] != nullptr && at[1] != nullptr && strncmp(at[0], "--", 2) == 0; at += 2) {
    if (strcmp(at[0], "--memory-mib") == 0) {
      options.memory_mib = strtoul(at[1], nullptr, 10);
    } else if (strcmp(at[0], "--read") == 0) {
      options.readable.emplace_back(at[1]);
    } else {
      return false;
    }
  }
  options.program = at;
  return *at != nullptr;
}

/// Not RLIMIT_AS: V8 reserves gigabytes of addresses that it never uses, and those do not count here
/// (getrlimit(2)).
bool limit_memory(unsigned long mib) {
  const rlim_t bytes = static_cast<rlim_t>(mib) << 20;
  const rlimit most = {bytes, bytes};
  return mib == 0 || setrlimit(RLIMIT_DATA, &most) == 0;
}

/// Keeps those by which root looks at files that are not its own: what is opened is asked for in any case.
bool drop_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  const unsigned kept = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
  for (__user_cap_data_struct& half : data) half.inheritable = 0;
  data[0].effective &= kept;
  data[0].permitted &= kept;
  data[1].effective = data[1].permitted = 0;
  return syscall(SYS_capset, &header, data) == 0;
}

/// In the child. It shares our descriptors until it executes: so the one by which the kernel asks us is known
/// here by its number.
int become(const Options& options, pid_t parent, int say) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) return fail("PR_SET_PDEATHSIG");
  if (!limit_memory(options.memory_mib)) return fail("RLIMIT_DATA");
  if (!drop_capabilities()) return fail("capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("no_new_privs");
  std::vector<sock_filter> program = vedette::jail::filter(getpid());
  const sock_fprog what = {static_cast<unsigned short>(program.size()), program.data()};
  const int listener = static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &what));
  if (listener < 0) return fail("seccomp, which must be able to ask (Linux 5.9)");
  if (write(say, &listener, sizeof listener) != sizeof listener) return fail("write");
  execve(options.program[0], options.program, environ);
  return fail(options.program[0]);
}

/// Waits until `fd` has something, or the child has ended: then its wait status stands in `status`.
bool waits_for(int fd, pid_t child, const sigset_t& open, int& status) {
  for (;;) {
    if (waitpid(child, &status, WNOHANG) == child) return false;
    pollfd one = {fd, POLLIN, 0};
    if (ppoll(&one, 1, nullptr, &open) <= 0) continue;
    if ((one.revents & POLLIN) != 0) return true;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {  // nobody is left who could ask
    }
    return false;
  }
}

/// As the child ended.
int end_as(int status) {
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  signal(WTERMSIG(status), SIG_DFL);
  raise(WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

}  // namespace

int main(int, char** argv) {
  Options options;
  if (!read_options(argv, options)) {
    fprintf(stderr, "usage: vedette-jail [--memory-mib N] [--read PATH]... PROGRAM [ARGUMENT]...\n");
    return 2;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail("pipe");
  // SIGCHLD comes only where we wait: by then nothing of it can be missed.
  struct sigaction noted = {};
  noted.sa_handler = [](int) {};
  sigaction(SIGCHLD, &noted, nullptr);
  sigset_t held, open;
  sigemptyset(&held);
  sigaddset(&held, SIGCHLD);
  sigprocmask(SIG_BLOCK, &held, &open);
  const pid_t parent = getpid();
  const pid_t child = static_cast<pid_t>(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
  if (child < 0) return fail("clone");
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &open, nullptr);
    _exit(become(options, parent, ends[1]));
  }

  int status = 0;
  int listener = -1;
  if (!waits_for(ends[0], child, open, status)) return end_as(status);
  if (read(ends[0], &listener, sizeof listener) != sizeof listener) return fail("read");
  Files files(child, options.readable, options.program[0]);
  while (waits_for(listener, child, open, status)) files.answer(listener);
  return end_as(status);
}
