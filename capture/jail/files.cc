// SPDX-License-Identifier: Apache-2.0
#include "capture/jail/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace vedette::jail {
namespace {

/// What a loader, libc and Node read to start and to know the machine. A name that ends in "/" is a folder.
const char* const kStart[] = {
    "/lib/",          "/lib64/",         "/usr/lib/",     "/usr/lib64/",   "/usr/local/lib/",
    "/usr/share/zoneinfo/",              "/etc/ld.so.cache",               "/etc/ld.so.preload",
    "/etc/localtime", "/etc/ssl/openssl.cnf",             "/dev/null",     "/dev/urandom",
    "/proc/meminfo",  "/proc/stat",      "/proc/cpuinfo", "/proc/version_signature",
    "/proc/sys/vm/overcommit_memory",    "/sys/fs/cgroup/",                "/sys/devices/system/cpu/",
};
/// Of its own files below /proc.
const char* const kOwn[] = {"maps", "stat", "statm", "status", "cgroup", "mountinfo"};
const std::string kSelf = "/proc/self/";

std::string resolved(const std::string& path) {
  char real[PATH_MAX];
  return realpath(path.c_str(), real) == nullptr ? std::string() : std::string(real);
}

/// A file or folder that /proc has of a process.
std::string proc_path(pid_t process, const std::string& name) { return "/proc/" + std::to_string(process) + "/" + name; }

/// The text at an address of the child; "" where there is none.
std::string text_of(pid_t thread, unsigned long long address) {
  const int memory = open(proc_path(thread, "mem").c_str(), O_RDONLY | O_CLOEXEC);
  if (memory < 0) return {};
  std::string text;
  // A page at a time: the text may end just before memory that is not there.
  while (text.size() < PATH_MAX) {
    char part[4096];
    const size_t size = sizeof part - ((address + text.size()) & (sizeof part - 1));
    const ssize_t got = pread(memory, part, size, static_cast<off_t>(address + text.size()));
    if (got <= 0) break;
    const char* const end = std::find(part, part + got, '\0');
    text.append(part, static_cast<size_t>(end - part));
    if (end != part + got) {
      close(memory);
      return text;
    }
  }
  close(memory);
  return {};
}

void respond(int listener, const seccomp_notif& asked, int error, long long value, unsigned flags = 0) {
  seccomp_notif_resp answer = {};
  answer.id = asked.id;
  answer.error = -error;
  answer.val = value;
  answer.flags = flags;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);  // who asked may be gone
}

}  // namespace

Files::Files(pid_t child, const std::vector<std::string>& readable, const std::string& program) : child_(child) {
  std::vector<std::string> all(std::begin(kStart), std::end(kStart));
  all.insert(all.end(), readable.begin(), readable.end());
  all.push_back(program);
  for (const std::string& path : all) {
    const std::string real = resolved(path);
    if (!real.empty()) readable_.push_back(path.back() == '/' ? real + "/" : real);
  }
}

void Files::answer(int listener) {
  seccomp_notif asked = {};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) return;
  if (asked.data.nr == SYS_execve) {
    answer_execve(listener, asked);
    return;
  }
  if (holds_the_childs_) {  // it has executed, so its descriptors are its own now
    holds_the_childs_ = false;
    for (int fd = 0; fd < 1024; fd++)
      if (fd != STDERR_FILENO && fd != listener) close(fd);
  }
  answer_open(listener, asked);
}

/// The first is the one by which the program starts.
void Files::answer_execve(int listener, const seccomp_notif& asked) {
  if (has_executed_) {
    respond(listener, asked, EPERM, 0);
  } else {
    respond(listener, asked, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  }
  has_executed_ = true;
}

void Files::answer_open(int listener, const seccomp_notif& asked) {
  const bool is_at = asked.data.nr == SYS_openat;
  const std::string path = text_of(static_cast<pid_t>(asked.pid), asked.data.args[is_at ? 1 : 0]);
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &asked.id) != 0) return;
  errno = EACCES;
  const std::string real = real_path(path);
  if (real.empty() || !may_read(real)) {
    respond(listener, asked, real.empty() ? errno : EACCES, 0);
    return;
  }
  const int flags = static_cast<int>(asked.data.args[is_at ? 2 : 1]);
  const int fd = open(real.c_str(), (flags & O_DIRECTORY) | O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    respond(listener, asked, errno, 0);
    return;
  }
  seccomp_notif_addfd given = {};
  given.id = asked.id;
  given.srcfd = static_cast<__u32>(fd);
  given.newfd_flags = static_cast<__u32>(flags & O_CLOEXEC);
  const int number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &given);
  respond(listener, asked, number < 0 ? errno : 0, number);
  close(fd);
}

/// Without links; "" and errno where there is no such file. A path must be absolute: where a thread stands
/// can change.
std::string Files::real_path(const std::string& asked) const {
  if (asked.empty() || asked[0] != '/') return {};
  if (asked.rfind(kSelf, 0) != 0) return resolved(asked);
  const std::string name = asked.substr(kSelf.size());
  for (const char* const own : kOwn)
    if (name == own) return proc_path(child_, name);
  return {};
}

bool Files::may_read(const std::string& real) const {
  if (real.rfind(proc_path(child_, ""), 0) == 0) return true;
  return std::any_of(readable_.begin(), readable_.end(), [&](const std::string& one) {
    return one.back() == '/' ? real.rfind(one, 0) == 0 : real == one;
  });
}

}  // namespace vedette::jail
