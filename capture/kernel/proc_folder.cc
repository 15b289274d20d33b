// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc_folder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

// linux/mount.h, which does not go with sys/mount.h.
constexpr unsigned kFsopenCloexec = 1, kFsmountCloexec = 1, kCreate = 6;

int own_proc = -1;  // from settle_proc on, until we end

// -1 and errno where we may not.
int mount_detached() {
  const Fd context(static_cast<int>(::syscall(SYS_fsopen, "proc", kFsopenCloexec)));
  if (!context.is_open() || ::syscall(SYS_fsconfig, context.get(), kCreate, nullptr, nullptr, 0) < 0) return -1;
  return static_cast<int>(::syscall(SYS_fsmount, context.get(), kFsmountCloexec, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

struct Answer {
  int fd = -1;
  int why = 0;
};

int mount_elsewhere(void* answer) {
  Answer& into = *static_cast<Answer*>(answer);
  if (::syscall(SYS_unshare, CLONE_NEWNS) == 0) into.fd = mount_detached();
  into.why = into.fd < 0 ? errno : 0;
  ::_exit(0);
}

// Who is root of a user namespace of his own owns its pid namespace, but not the mounts that he still shares
// with others. A child takes mounts of its own, and leaves the descriptor in the table that it shares with
// us.
Answer mount_in_child() {
  constexpr size_t kStack = 64u << 10;
  alignas(16) static char stack[kStack];
  Answer answer;
  const pid_t child = ::clone(mount_elsewhere, stack + kStack, CLONE_VM | CLONE_VFORK | CLONE_FILES, &answer);
  if (child < 0) return {-1, errno};
  int status;
  while (::waitpid(child, &status, __WCLONE) < 0 && errno == EINTR) {}
  return answer;
}

Answer mount_own() {
  const int fd = mount_detached();
  if (fd >= 0 || errno != EPERM) return {fd, errno};
  return mount_in_child();
}

std::optional<pid_t> number_in(std::string_view text) {
  pid_t number = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && number > 0 ? std::optional(number) : std::nullopt;
}

}  // namespace

ProcSettled settle_proc() {
  std::string self;
  const bool is_there = static_cast<bool>(read_link("/proc/self", self));
  if (is_there && number_in(self) == ::getpid()) return {};
  const Answer own = mount_own();
  own_proc = own.fd;
  if (is_proc_opened()) return {ProcFolder::Opened};
  return {is_there || ::access("/proc/version", F_OK) == 0 ? ProcFolder::Foreign : ProcFolder::Missing, Errno(own.why)};
}

int opened_proc() { return own_proc; }

// What /proc shows of a pidfd is the process's number in the namespace of that procfs (fs/pidfs.c,
// pidfd_show_fdinfo).
std::optional<Tid> number_in_mounted_proc(Tid process) {
  if (!is_proc_opened()) return process;
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, process.get(), 0)));
  if (!handle.is_open()) return std::nullopt;
  std::string text;
  constexpr size_t kInfoMax = 1024;
  if (!read_file(("/proc/self/fdinfo/" + std::to_string(handle.get())).c_str(), text, kInfoMax)) return std::nullopt;
  const std::optional<pid_t> number = number_in(status_field(text, "Pid"));
  return number ? std::optional(Tid(*number)) : std::nullopt;
}

bool is_of_in_mounted_proc(Tid process, Tid number) {
  std::string name = "self";  // whose files below it we may not read where we are not dumpable, before Linux 5.14
  if (process.get() != ::getpid()) {
    const std::optional<Tid> shown = number_in_mounted_proc(process);
    if (!shown) return false;
    name = std::to_string(shown->get());
  }
  return ::access(("/proc/" + name + "/task/" + std::to_string(number.get())).c_str(), F_OK) == 0;
}

}  // namespace vedette
