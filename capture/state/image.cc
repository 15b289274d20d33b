// SPDX-License-Identifier: Apache-2.0
// See image.h. Whether an executable lies in the writable layer of an overlay cannot be seen from inside the
// container by path or inode: the overlay hides it. But what was put there after the container started has a
// younger ctime than the start, and no program can set a ctime back; image layers were unpacked before. So:
// on an overlay, younger is upper.
#include "capture/state/image.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "capture/state/first_stack.h"
#include "capture/state/proc_text.h"

namespace vedette {

namespace {

constexpr size_t kStatusMax = 4096;
constexpr size_t kCgroupMax = 16384;
constexpr std::string_view kMemfdPrefix = "/memfd:";
constexpr std::string_view kByDescriptor = "/dev/fd/";  // execveat, whose comm is the kernel's business
constexpr size_t kOfImageMax = 4096;
constexpr uint64_t kOutsideGoodForNs = 250'000'000;

// The first `max` bytes of strings that each end with NUL; a cut one gets its NUL back.
void end_list(std::string& list) {
  if (!list.empty() && list.back() != '\0') list.back() = '\0';
}

// comm is the last part of the name that was executed, cut to 15 bytes (begin_new_exec).
std::string_view comm_of(std::string_view name) {
  constexpr size_t kCommMax = 15;
  return name.substr(name.rfind('/') + 1).substr(0, kCommMax);
}

bool agree(const FirstStack& stack, const Process& process) {
  const Credentials& known = process.credentials;
  return !process.nested_pids && stack.uid == known.ruid && stack.euid == known.euid && stack.euid == known.fsuid &&
         stack.gid == known.rgid && stack.egid == known.egid && stack.egid == known.fsgid;
}

// Only a session's leader gets a terminal, and who has one may lose it with the leader. An ioctl does it,
// which we do not see.
bool may_have_another_terminal(const Process& process) {
  return process.nested_pids || process.tty != 0 || process.session == 0 || process.session == process.pid;
}

bool can_write(const Credentials& who, const FileFacts& file) {
  if (who.effective >> CAP_DAC_OVERRIDE & 1) return true;
  if (who.fsuid == file.uid) return (file.mode & S_IWUSR) != 0;
  if (who.fsgid == file.gid) return (file.mode & S_IWGRP) != 0;
  return (file.mode & S_IWOTH) != 0;
}

}  // namespace

void Images::load(Process& process, uint64_t now_ns) {
  if (first_ns_ == 0) first_ns_ = now_ns;
  load_comm(process);
  load_arguments(process);
  load_credentials(process, process.pid);
  judge_executable(process, load_executable(process));
  const StatText stat = load_session(process);
  if (process.start_ns == 0) process.start_ns = began(stat, now_ns);
  load_outside(process, now_ns);
  if (process.pidns_start_ns == 0) load_pid_namespace(process, now_ns);
  process.changed();
}

void Images::reload(Process& process, uint64_t now_ns) {
  uint64_t sp = 0;
  std::optional<FirstStack> stack;
  if (truth_.first_stack(process.pid, sp, stack_)) stack = parse_first_stack(sp, stack_, limits_.list_max);
  if (!stack) return load(process, now_ns);

  if (stack->name.starts_with(kByDescriptor)) {
    load_comm(process);
  } else {
    process.comm = share(comm_of(stack->name));
  }
  take_arguments(process, stack->args);
  process.env = {};
  if (limits_.snaplen != 0) take_environment(process, stack->env);
  const std::optional<FileFacts> file = load_executable(process);
  const bool is_plain = !stack->secure && file && (file->mode & (S_ISUID | S_ISGID)) == 0;
  if (!is_plain || !process.settled || !agree(*stack, process)) load_credentials(process, process.pid);
  process.settled = is_plain && !process.odd_credentials;
  judge_executable(process, file);
  if (may_have_another_terminal(process)) load_session(process);
  refresh_outside(process, now_ns);
  process.changed();
}

void Images::load_comm(Process& process) {
  if (!truth_.text(process.pid, "comm", scratch_, kStatusMax)) return;
  while (!scratch_.empty() && scratch_.back() == '\n') scratch_.pop_back();
  process.comm = share(scratch_);
}

void Images::load_arguments(Process& process) {
  if (truth_.text(process.pid, "cmdline", scratch_, limits_.list_max)) take_arguments(process, scratch_);
  process.env = {};
  if (limits_.snaplen != 0 && truth_.text(process.pid, "environ", scratch_, limits_.list_max)) {
    take_environment(process, scratch_);
  }
}

void Images::take_arguments(Process& process, std::string_view list) {
  list_.assign(list);
  end_list(list_);
  std::string_view rest = list_;
  process.exe = share(take_until(rest, '\0'));
  process.args = share(rest);
}

void Images::take_environment(Process& process, std::string_view list) {
  list_.assign(list);
  end_list(list_);
  process.env = share(list_);
}

void Images::load_credentials(Process& process, uint32_t tid) {
  process.credentials_are_old = false;
  process.settled = false;
  if (!truth_.text(tid, "status", scratch_, kStatusMax)) return;
  const StatusText status = parse_status(scratch_);
  if (process.vpid == 0 || process.nested_pids) process.vpid = status.vpid;
  process.nested_pids |= status.nested_pids;
  const bool has_names = process.user_name || process.group_name;
  if (has_names && process.credentials == status.credentials) return;
  process.credentials = status.credentials;
  load_names(process);
  process.changed();
}

void Images::load_names(Process& process) {
  Accounts::User user = accounts_.user(process.pid, process.credentials.euid);
  process.user_name = std::move(user.name);
  process.user_home = std::move(user.home);
  process.user_shell = std::move(user.shell);
  process.group_name = accounts_.group(process.pid, process.credentials.egid);
  process.login_name = accounts_.user(process.pid, process.loginuid).name;
}

StatText Images::load_session(Process& process) {
  StatText stat;
  if (truth_.text(process.pid, "stat", scratch_, kStatusMax)) {
    stat = parse_stat(scratch_);
    process.group = stat.group;
    process.session = stat.session;
    process.tty = stat.tty;
  }
  process.changed();
  return stat;
}

uint64_t Images::began(const StatText& stat, uint64_t now_ns) {
  static const uint64_t ns_of_tick = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  const uint64_t up_ns = truth_.uptime_ns();
  return !stat.start_ticks || up_ns == 0 ? 0 : now_ns - up_ns + *stat.start_ticks * ns_of_tick;
}

// A namespace begins with its process 1. In our own it was there before us; in another it is a process whose
// clone we saw, and its children inherit what is known of it, but not those that a parent from elsewhere put
// into it (setns).
void Images::load_pid_namespace(Process& process, uint64_t now_ns) {
  std::string own, its;
  const bool is_own = !process.nested_pids || (truth_.link(static_cast<uint32_t>(getpid()), "ns/pid", own) &&
                                               truth_.link(process.pid, "ns/pid", its) && own == its);
  if (is_own) {
    if (!init_ns_) init_ns_ = truth_.text(1, "stat", scratch_, kStatusMax) ? began(parse_stat(scratch_), now_ns) : 0;
    process.pidns_start_ns = *init_ns_;
  } else if (process.vpid == 1) {
    process.pidns_start_ns = process.start_ns;
  } else {
    const bool is_parents = process.parent && truth_.link(process.parent->pid, "ns/pid", own) && own == its;
    process.pidns_start_ns = is_parents ? process.parent->pidns_start_ns : 0;
  }
}

void Images::load_login(Process& process) {
  if (!truth_.text(process.pid, "loginuid", scratch_, kStatusMax)) return;
  const uint32_t uid = static_cast<uint32_t>(parse_number(scratch_));
  if (uid == process.loginuid) return;
  process.login_name = accounts_.user(process.pid, uid).name;
  process.loginuid = uid;
}

std::optional<FileFacts> Images::load_executable(Process& process) {
  process.exe_flags = 0;
  process.exe_of_image = false;
  process.exe_dev = process.exe_ino = process.exe_ctime_ns = process.exe_mtime_ns = 0;
  process.exe_path = nullptr;
  if (truth_.link(process.pid, "exe", scratch_)) {
    if (scratch_.starts_with(kMemfdPrefix)) process.exe_flags |= kExeFromMemfd;
    process.exe_path = share(scratch_);
  }
  return truth_.facts(process.pid, "exe");
}

void Images::judge_executable(Process& process, const std::optional<FileFacts>& file) {
  if (!file) return;
  process.exe_dev = file->dev;
  process.exe_ino = file->ino;
  process.exe_ctime_ns = file->ctime_ns;
  process.exe_mtime_ns = file->mtime_ns;
  if (can_write(process.credentials, *file)) process.exe_flags |= kExeWritable;
  if (is_overlay(process.pid, file->dev)) process.exe_flags |= is_new(*file) ? kExeUpperLayer : kExeLowerLayer;
  process.exe_of_image = !is_new(*file) && is_where_it_says(view(process.exe_path), *file);
}

void Images::believe(std::vector<std::string> folders) {
  believed_ = std::move(folders);
  for (std::string& folder : believed_) {
    while (folder.ends_with('/')) folder.pop_back();
  }
}

// What was found so once, stays: whoever renames or links a file changes its ctime.
bool Images::is_of_image(uint32_t pid, const char* name) {
  const std::optional<FileFacts> file = truth_.facts(pid, name);
  if (!file) return false;
  if (is_new(*file)) return !believed_.empty() && is_believed(pid, name, *file);
  if (of_image_.contains({file->dev, file->ino})) return true;
  std::string path;
  if (!truth_.link(pid, name, path) || !is_where_it_says(path, *file)) return false;
  if (of_image_.size() >= kOfImageMax) of_image_.clear();
  of_image_.emplace(file->dev, file->ino);
  return true;
}

bool Images::is_believed(uint32_t pid, const char* name, const FileFacts& file) {
  std::string path;
  if (!truth_.link(pid, name, path) || !is_where_it_says(path, file)) return false;
  return std::any_of(believed_.begin(), believed_.end(), [&](const std::string& folder) { return path.starts_with(folder) && path[folder.size()] == '/'; });
}

bool Images::is_at_path(uint32_t pid, const std::string& path) {
  const std::optional<FileFacts> file = path.starts_with('/') ? truth_.facts(pid, ("root" + path).c_str()) : std::nullopt;
  return file && !is_new(*file) && is_where_it_says(path, *file);
}

// In a mount namespace of its own a process may put any file at any path. From our root the path leads to the
// file, or to another.
bool Images::is_where_it_says(std::string_view path, const FileFacts& file) {
  scratch_.assign("root").append(path);
  static const uint32_t own = static_cast<uint32_t>(::getpid());
  const std::optional<FileFacts> there = truth_.facts(own, scratch_.c_str());
  return there && there->dev == file.dev && there->ino == file.ino;
}

bool Images::is_overlay(uint32_t pid, uint64_t dev) {
  const auto [at, is_new] = overlays_.try_emplace(dev, false);
  if (is_new) at->second = truth_.filesystem(pid, "exe") == OVERLAYFS_SUPER_MAGIC;
  return at->second;
}

// Asked once: in its lifetime a container does not change.
const Container& Images::own() {
  if (!own_) own_ = container_of(truth_, static_cast<uint32_t>(::getpid()));
  return *own_;
}

void Images::load_outside(Process& process, uint64_t now_ns) {
  load_login(process);
  load_cgroup(process);
  process.outside = make_ref<Outside>();
  process.outside->asked_ns = now_ns;
}

// A process that was moved leaves its relatives' common word.
void Images::refresh_outside(Process& process, uint64_t now_ns) {
  if (!process.outside) return load_outside(process, now_ns);
  if (!outside_doubted_ && now_ns - process.outside->asked_ns < kOutsideGoodForNs) return;
  const uint32_t loginuid = process.loginuid;
  const Ref<Text> cgroup = process.cgroup;
  const Ref<Outside> common = process.outside;
  load_outside(process, now_ns);
  if (process.loginuid != loginuid || process.cgroup != cgroup) return;
  process.outside = common;
  common->asked_ns = now_ns;
}

void Images::load_cgroup(Process& process) {
  if (!truth_.text(process.pid, "cgroup", scratch_, kCgroupMax)) return;
  const std::string_view path = longest_cgroup(scratch_);
  if (path == view(process.cgroup)) return;
  process.cgroup = share(path);
  const std::string_view whole = container_id_of(path), id = short_id(whole);
  process.container_full_id = whole.empty() ? Ref<Text>() : share(whole);
  process.container_id = id.empty() ? Ref<Text>() : share(id);
  process.privilege = !id.empty() && id == own().id ? own().privilege : Privilege::Unknown;
}

}  // namespace vedette
