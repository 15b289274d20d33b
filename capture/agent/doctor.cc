// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/doctor.h"

#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "capture/agent/json.h"
#include "capture/agent/tiers.h"
#include "capture/kernel/capabilities.h"
#include "capture/kernel/clock.h"
#include "capture/kernel/features.h"
#include "capture/kernel/probe.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/proc_folder.h"

namespace vedette {
namespace {

constexpr size_t kSmallFile = 8192;

std::string answer(int error) {
  Json json;
  json.flag("ok", error == 0);
  const char* const name = strerrorname_np(error);
  if (error != 0) json.text("reason", name != nullptr ? name : std::to_string(error).c_str());
  return json.done();
}

std::string version_of(KernelVersion version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

std::string features_object(const Features& f) {
  return Json()
      .flag("listener", f.listener)
      .flag("syscall_info", f.syscall_info)
      .flag("notify_continue", f.notify_continue)
      .flag("bitmap_cache", f.bitmap_cache)
      .flag("user_dispatch", f.user_dispatch)
      .flag("addfd_send", f.addfd_send)
      .flag("wait_killable", f.wait_killable)
      .flag("sync_wake_up", f.sync_wake_up)
      .done();
}

// Let the kernel's clock run a little, so that the rate means something.
std::string tsc_object() {
  constexpr useconds_t kMeasureUs = 20'000;
  Clock clock;
  ::usleep(kMeasureUs);
  clock.refresh();
  std::string source;
  (void)read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", source, kSmallFile);
  while (!source.empty() && source.back() == '\n') source.pop_back();
  Json json;
  json.flag("invariant", clock.has_tsc()).number("hz", static_cast<long long>(clock.tsc_hz()));
  json.text("clocksource", source);
  return json.done();
}

std::string seccomp_object(std::string_view status) {
  const auto number = [&](std::string_view name) { return static_cast<long long>(status_number(status, name)); };
  return Json().number("mode", number("Seccomp")).number("filters", number("Seccomp_filters")).done();
}

std::string capabilities_object(std::string_view status) {
  return Json()
      .text("effective", status_field(status, "CapEff"))
      .text("bounding", status_field(status, "CapBnd"))
      .flag("sys_ptrace", has_capability(Capability::SysPtrace))
      .flag("sys_admin", has_capability(Capability::SysAdmin))
      .done();
}

std::string proc_object(const ProcSettled& proc) {
  const char* const names[] = {"mounted", "opened", "foreign", "missing"};
  Json json;
  json.text("folder", names[static_cast<size_t>(proc.folder)]);
  if (const char* const name = strerrorname_np(proc.why.get()); proc.why.get() != 0 && name != nullptr) json.text("reason", name);
  return json.done();
}

std::optional<int> small_number(PathAt path) {
  std::string text;
  int value = 0;
  if (!read_file(path, text, kSmallFile)) return std::nullopt;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

void add_number(Json& json, std::string_view key, std::optional<int> value) {
  value ? json.number(key, *value) : json.null(key);
}

}  // namespace

int run_doctor() {
  const ProcSettled proc = settle_proc();
  const Features& f = features();
  const Probes probes = run_probes();
  std::string status;
  (void)read_file(ProcPath("self/status"), status, kSmallFile);
  utsname machine{};
  ::uname(&machine);

  Json json;
  json.text("agent", VEDETTE_VERSION).text("kernel", machine.release).text("assumed", version_of(f.assumed));
  json.text("arch", machine.machine).number("pid", ::getpid()).number("uid", ::geteuid());
  json.object("proc", proc_object(proc));
  json.object("ptrace", answer(probes.ptrace));
  json.object("seccomp_listener", answer(f.listener ? probes.listener : ENOSYS));
  json.object("process_vm_readv", answer(probes.process_vm_readv));
  json.object("proc_mem", answer(probes.proc_mem));
  json.object("memfd", answer(probes.memfd));
  json.object("io_uring", answer(probes.io_uring));
  json.object("gs_base", answer(probes.gs_base));
  json.object("user_dispatch", answer(probes.user_dispatch));
  json.flag("fsgsbase", has_fsgsbase());
  json.object("tsc", tsc_object());
  json.object("features", features_object(f));
  json.object("seccomp", seccomp_object(status));
  json.flag("no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  add_number(json, "yama_ptrace_scope", small_number(ProcPath("sys/kernel/yama/ptrace_scope")));
  add_number(json, "io_uring_disabled", small_number(ProcPath("sys/kernel/io_uring_disabled")));
  add_number(json, "mmap_min_addr", small_number(ProcPath("sys/vm/mmap_min_addr")));
  json.object("capabilities", capabilities_object(status));
  return std::printf("%s\n", json.done().c_str()) < 0;
}

}  // namespace vedette
