// SPDX-License-Identifier: Apache-2.0
// Flags are probed with a null program: EFAULT means "flag known", EINVAL "flag unknown", and nothing comes
// into force. What cannot be probed without side effects goes by version.
#include "capture/kernel/features.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <compare>
#include <cstdlib>
#include <cstring>

namespace vedette {
namespace {

constexpr unsigned long kListener = 1ul << 3;
constexpr unsigned long kWaitKillable = 1ul << 5;

bool knows_filter_flags(unsigned long flags) {
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

KernelVersion running_kernel() {
  utsname name;
  return ::uname(&name) == 0 ? parse_kernel_version(name.release) : KernelVersion();
}

Features probe() {
  Features f;
  f.running = f.assumed = running_kernel();
  if (const char* text = std::getenv("VEDETTE_ASSUME_KERNEL")) {
    const KernelVersion wanted = parse_kernel_version(text);
    if (wanted.major != 0) f.assumed = std::min(f.running, wanted);
  }
  const auto since = [&](int major, int minor) { return f.assumed >= KernelVersion{major, minor}; };
  f.syscall_info = since(5, 3);
  f.listener = since(5, 0) && knows_filter_flags(kListener);
  f.notify_continue = since(5, 5);
  f.bitmap_cache = since(5, 11);
  f.user_dispatch = since(5, 11);
  f.addfd_send = since(5, 14);
  f.wait_killable = since(5, 19) && knows_filter_flags(kListener | kWaitKillable);
  f.sync_wake_up = since(6, 6);
  f.maps_query = since(6, 11);
  return f;
}

}  // namespace

KernelVersion parse_kernel_version(const char* text) {
  KernelVersion version;
  const char* const end = text + std::strlen(text);
  const std::from_chars_result major = std::from_chars(text, end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return {};
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) return {};
  return version;
}

const Features& features() {
  static const Features found = probe();
  return found;
}

}  // namespace vedette
