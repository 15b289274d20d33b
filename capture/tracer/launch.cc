// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "capture/kernel/ptrace.h"
#include "capture/kernel/seccomp.h"
#include "capture/kernel/wait_status.h"
#include "capture/tracer/stop.h"

extern char** environ;

namespace vedette {
namespace {

constexpr size_t kKernelMaskBytes = 8;
constexpr rlim_t kOwnDescriptors = 65536;

Result<void> check_program(const char* path) {
  struct stat facts;
  if (::stat(path, &facts) < 0) return Errno::last();
  if (!S_ISREG(facts.st_mode) || ::access(path, X_OK) < 0) return Errno(EACCES);
  return {};
}

// A traced child stops once more before it ends.
void reap(Tid tid) {
  int status = 0;
  while (::waitpid(tid.get(), &status, __WALL) == tid.get() && !WaitStatus(status).is_over()) {
    (void)ptrace_resume(tid, Resume::Run);
  }
}

// How it has stopped or ended, and none of it taken: what comes after the filter is the loop's.
std::optional<WaitStatus> news_of(Tid tid) {
  siginfo_t info{};
  const int answer =
      ::waitid(P_PID, static_cast<id_t>(tid.get()), &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL);
  if (answer < 0 || info.si_pid != tid.get()) return std::nullopt;
  if (info.si_code == CLD_EXITED) return WaitStatus(info.si_status << 8);
  if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) return WaitStatus(info.si_status << 8 | 0x7f);
  return WaitStatus(info.si_status);
}

// Our files in /proc, memory and environment and descriptors, belong to root from now on, and open only to
// who may trace everything. The child is a copy from before, and its program begins as any does.
void shut_our_files() { (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// Takes the capability out of every set of the calling process. Returns why the bounding set keeps it: 0 when
// it does not.
int drop_sys_ptrace() {
  constexpr uint32_t kBit = 1u << CAP_SYS_PTRACE;
  const int bound = ::prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0) == 0 ? 0 : errno;
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_SYS_PTRACE, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return errno;
  sets[0].effective &= ~kBit;
  sets[0].permitted &= ~kBit;
  sets[0].inheritable &= ~kBit;
  if (::syscall(SYS_capset, &header, sets) != 0) return errno;
  return bound;
}

// How many descriptors we may have must not depend on what suits the workload, which has its own limit: the
// child was made before.
void raise_our_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, kOwnDescriptors));
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// A stop before the filter stands: SIGSTOP, which no mask holds back, with the stop of the group that
// follows, or a kill.
void let_go_on(Tid tid, WaitStatus stop) {
  if (stop.is_group_stop()) return void(ptrace_resume(tid, Resume::Listen));
  (void)ptrace_resume(tid, Resume::Run, stop.event() == 0 ? stop.stop_signal() : 0);
}

}  // namespace

Result<std::string> find_program(const char* name) {
  if (std::string_view(name).find('/') != std::string_view::npos) {
    const Result<void> fine = check_program(name);
    return fine ? Result<std::string>(name) : Result<std::string>(fine.error());
  }
  const char* const path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/bin:/usr/bin";
  Errno best(ENOENT);
  for (bool more = *name != '\0'; more;) {
    const size_t end = folders.find(':');
    const std::string_view folder = folders.substr(0, end);
    const std::string candidate = folder.empty() ? std::string(name) : std::string(folder) + "/" + name;
    const Result<void> fine = check_program(candidate.c_str());
    if (fine) return candidate;
    if (fine.error().get() == EACCES) best = fine.error();
    more = end != folders.npos;
    if (more) folders.remove_prefix(end + 1);
  }
  return best;
}

void secure_ourselves() {
  shut_our_files();
  raise_our_limit();
}

struct Launch::Shared {
  pid_t agent;
  std::atomic<bool> go;
  std::atomic<int> listener;
  std::atomic<bool> no_new_privs;
  std::atomic<int> error;
  std::atomic<LaunchStep> step;
};

Launch::Launch(std::vector<char*> argv, std::string program, uint64_t signal_mask)
    : argv_(std::move(argv)), program_(std::move(program)), signal_mask_(signal_mask) {
  argv_.push_back(nullptr);
  void* const page =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  shared_ = page == MAP_FAILED ? nullptr : new (page) Shared{};
}

Launch::~Launch() {
  if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
}

bool Launch::failed() const { return shared_ == nullptr || shared_->error != 0; }

LaunchFailure Launch::failure() const {
  if (shared_ == nullptr) return {LaunchStep::Clone, Errno(ENOMEM)};
  return {shared_->step, Errno(shared_->error)};
}

bool Launch::start(std::span<const sock_filter> filter, bool wait_killable, Launched& launched) {
  if (shared_ == nullptr) return false;
  const auto fail = [&](LaunchStep step) {
    shared_->error = errno;
    shared_->step = step;
    return false;
  };
  shared_->agent = ::getpid();
  shared_->listener = -1;
  const long child = ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return fail(LaunchStep::Clone);
  if (child == 0) run_child(filter, wait_killable);

  launched.tid = Tid(static_cast<pid_t>(child));
  if (const Result<void> seized = ptrace_seize(launched.tid, kStopOptions | PTRACE_O_EXITKILL); !seized) {
    errno = seized.error().get();
    fail(LaunchStep::Seize);
    ::kill(launched.tid.get(), SIGKILL);
    reap(launched.tid);
    return false;
  }
  secure_ourselves();
  shared_->go = true;
  for (;;) {
    const std::optional<WaitStatus> news = news_of(launched.tid);
    if (shared_->listener >= 0 || shared_->error != 0) break;
    if (news && news->is_over()) {
      errno = EINTR;
      fail(LaunchStep::Filter);
    } else if (news) {
      let_go_on(launched.tid, *news);
    }
    ::sched_yield();
  }
  if (shared_->error != 0) {
    reap(launched.tid);
    return false;
  }
  launched.listener = Fd(shared_->listener);
  launched.no_new_privs = shared_->no_new_privs;
  return true;
}

// Between clone and exec, in a copy of a process that may hold any lock: plain system calls only, nothing
// allocated.
void Launch::run_child(std::span<const sock_filter> filter, bool wait_killable) {
  while (!shared_->go) {
    if (::getppid() != shared_->agent) ::_exit(125);  // killed before it could trace us
    ::sched_yield();
  }
  const auto fail = [&](LaunchStep step, int error) {
    shared_->step = step;
    shared_->error = error;
    ::_exit(125);
  };
  const int bound = withholds_sys_ptrace_ ? drop_sys_ptrace() : 0;
  const Result<InstalledFilter> installed = install_filter(filter, wait_killable);
  if (!installed) fail(LaunchStep::Filter, installed.error().get());
  // Under no_new_privs no exec gives back what is not permitted now, whatever the bounding set says
  // (capabilities(7), "execve").
  if (bound != 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) fail(LaunchStep::Capability, bound);
  shared_->no_new_privs = installed->set_no_new_privs;
  shared_->listener = installed->listener;
  // Not sooner: a signal that ends or stops us is the loop's to hear of, and it begins once the listener is
  // there.
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &signal_mask_, nullptr, kKernelMaskBytes);
  ::syscall(SYS_execve, program_.c_str(), argv_.data(), environ);
  shared_->step = LaunchStep::Execute;
  shared_->error = errno;
  ::_exit(126);
}

}  // namespace vedette
