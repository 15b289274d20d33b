// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/proc_truth.h"

#include <ctime>

#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/openat2.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "capture/kernel/fd.h"
#include "capture/kernel/kept.h"
#include "capture/kernel/proc.h"
#include "capture/kernel/proc_folder.h"
#include "capture/kernel/ptrace.h"
#include "capture/kernel/remote_memory.h"
#include "capture/tracer/own_names.h"

namespace vedette {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t in_ns(const timespec& time) {
  return static_cast<uint64_t>(time.tv_sec) * kSecond + static_cast<uint64_t>(time.tv_nsec);
}

ProcPath path_of(uint32_t pid, const char* name) { return ProcPath(Tid(static_cast<pid_t>(pid)), name); }

int32_t option_of(const Fd& socket, int option) {
  int32_t value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(socket.get(), SOL_SOCKET, option, &value, &size);
  return value;
}

using AskName = int (*)(int, sockaddr*, socklen_t*);

std::string address_of(const Fd& socket, AskName ask) {
  sockaddr_storage address;
  socklen_t size = sizeof address;
  if (ask(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0) return {};
  return {reinterpret_cast<const char*>(&address), std::min<size_t>(size, sizeof address)};
}

// Also of a connection that is still being made (net/core/sock.c, SO_PEERNAME).
int ask_future_peer(int socket, sockaddr* address, socklen_t* size) { return ::getsockopt(socket, SOL_SOCKET, SO_PEERNAME, address, size); }

// The counts of a connection stay when it is over, until the socket is used for another (net/ipv4/tcp.c,
// tcp_disconnect).
bool has_ended(const Fd& socket) {
  constexpr uint8_t kClosed = 7;  // TCP_CLOSE (include/net/tcp_states.h)
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_state == kClosed && info.tcpi_segs_in > 0;
}

uint64_t inode_of(const Fd& file) {
  struct stat facts;
  return ::fstat(file.get(), &facts) == 0 ? facts.st_ino : 0;
}

FileFacts facts_of(const struct stat& facts) {
  return FileFacts{.dev = facts.st_dev, .ino = facts.st_ino, .mode = facts.st_mode, .uid = facts.st_uid,
                   .gid = facts.st_gid, .size = static_cast<uint64_t>(facts.st_size),
                   .ctime_ns = in_ns(facts.st_ctim), .mtime_ns = in_ns(facts.st_mtim)};
}

// A path, as the task means it, by the numbers that the workload's own /proc has. Nothing: it does not show
// the task.
std::optional<std::string> for_us(uint32_t tid, uint32_t process, std::string_view path) {
  const std::optional<OwnName> own = own_name(path);
  if (!own) return std::string(path);
  const std::optional<Tid> number = number_in_mounted_proc(Tid(static_cast<pid_t>(process)));
  if (!number || (is_proc_opened() && own->of_thread)) return std::nullopt;
  return "/proc/" + std::to_string(number->get()) + (own->of_thread ? "/task/" + std::to_string(tid) : "") + (own->below.empty() ? "" : "/" + own->below);
}

Fd look_up_in_root(uint32_t pid, const std::string& path, uint64_t flags) {
  const Fd root = open_at(path_of(pid, "root"), O_PATH | O_DIRECTORY);
  open_how how{};
  how.flags = flags;
  how.resolve = RESOLVE_IN_ROOT;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
}

}  // namespace

bool ProcTruth::link(uint32_t pid, const char* name, std::string& into) {
  const ProcPath path = path_of(pid, name);
  return path.fits() && static_cast<bool>(read_link(path, into));
}

bool ProcTruth::text(uint32_t pid, const char* name, std::string& into, size_t max) {
  const ProcPath path = path_of(pid, name);
  return path.fits() && static_cast<bool>(read_file(path, into, max));
}

// From our own root a path leads where it leads us, and that costs a third of the way by /proc.
std::optional<FileFacts> ProcTruth::facts(uint32_t pid, const char* name) {
  constexpr std::string_view kInRoot = "root/";
  static const uint32_t own = static_cast<uint32_t>(::getpid());
  struct stat facts;
  if (pid == own && std::string_view(name).starts_with(kInRoot)) {
    return stat_at(name + kInRoot.size() - 1, facts) ? std::optional(facts_of(facts)) : std::nullopt;
  }
  const ProcPath path = path_of(pid, name);
  if (!path.fits() || !stat_at(path, facts)) return std::nullopt;
  return facts_of(facts);
}

// O_PATH: nothing is opened for use, a pipe does not wait for its other end, a device is not woken. From
// another root the kernel follows no magic links (openat2(2), RESOLVE_IN_ROOT), so there /proc/PID/fd and its
// like have no answer.
std::optional<FileFacts> ProcTruth::resolve(uint32_t tid, uint32_t process, bool from_own_root, std::string_view path, bool follows,
                                            std::string& into) {
  const std::optional<std::string> asked = for_us(tid, process, path);
  if (!asked) return std::nullopt;
  const int flags = O_PATH | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW);
  const Fd file = from_own_root ? look_up_in_root(tid, *asked, static_cast<uint64_t>(flags)) : Fd(::open(asked->c_str(), flags));
  struct stat facts;
  if (!file.is_open() || ::fstat(file.get(), &facts) < 0) return std::nullopt;
  if (!read_link(ProcPath("self/fd/" + std::to_string(file.get())), into)) return std::nullopt;
  return facts_of(facts);
}

std::optional<FileFacts> ProcTruth::look(std::string_view path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const Fd file(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, std::string(path).c_str(), &how, sizeof how)));
  struct stat facts;
  if (!file.is_open() || ::fstat(file.get(), &facts) < 0) return std::nullopt;
  return facts_of(facts);
}

// What got its name since then, by being made, linked or renamed, has a ctime since then, which is the
// kernel's: nobody sets it back. It may be a tick older than the change (100 in a second at least). A folder
// has one by each name that comes or goes in it, too, and then its mtime is the same: in /tmp that is always
// so, and says nothing. Where there is nothing now, the folder says whether something went. Links are
// followed here, and each step on the way is looked at.
bool ProcTruth::names_changed_since(uint32_t tid, std::string_view path, uint64_t since_ns) {
  constexpr uint64_t kTickNs = 10'000'000;
  constexpr int kStepsMax = 256;
  const auto is_since = [&](const timespec& time) { return in_ns(time) + kTickNs >= since_ns; };
  std::string rest(path), at, link;
  bool has_folder_changed = false;
  for (int step = 0; step < kStepsMax; ++step) {
    const ProcPath here(Tid(static_cast<pid_t>(tid)), "root" + (at.empty() ? "/" : at));
    struct stat facts;
    if (!here.fits()) return false;
    if (::fstatat(here.folder(), here.name(), &facts, AT_SYMLINK_NOFOLLOW) < 0) return has_folder_changed;
    const bool is_folder = S_ISDIR(facts.st_mode), has_changed = is_since(facts.st_ctim);
    if (has_changed && (!is_folder || in_ns(facts.st_ctim) != in_ns(facts.st_mtim))) return true;
    has_folder_changed = is_folder && has_changed;
    if (S_ISLNK(facts.st_mode)) {
      if (!read_link(here, link)) return false;
      rest = link + rest;
      at.resize(link.starts_with('/') ? 0 : at.rfind('/'));
    }
    const size_t from = rest.find_first_not_of('/');
    if (from == rest.npos) return false;
    const size_t to = std::min(rest.find('/', from), rest.size());
    const std::string name = rest.substr(from, to - from);
    rest.erase(0, to);
    if (name == "..") at.resize(at.empty() ? 0 : at.rfind('/'));
    else if (name != ".") at.append("/").append(name);
  }
  return false;
}

std::optional<SocketFacts> ProcTruth::socket(uint32_t pid, int32_t fd) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.is_open()) return std::nullopt;
  const Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
  if (!copy.is_open()) return std::nullopt;
  std::string peer = address_of(copy, ::getpeername);
  const SocketName remote = parse_socket_name(peer);
  if (peer.empty()) peer = address_of(copy, ask_future_peer);
  return SocketFacts{.domain = option_of(copy, SO_DOMAIN), .type = option_of(copy, SO_TYPE),
                     .protocol = option_of(copy, SO_PROTOCOL), .listening = option_of(copy, SO_ACCEPTCONN) != 0,
                     .local = parse_socket_name(address_of(copy, ::getsockname)), .remote = remote, .peer = std::move(peer), .ino = inode_of(copy),
                     .has_ended = has_ended(copy)};
}

// No answer where kcmp is not allowed (Docker's profile without SYS_PTRACE) or not there: then it is none.
bool ProcTruth::has_ours(uint32_t pid, int32_t fd, int32_t ours) {
  static const pid_t own = ::getpid();
  static const bool can_compare = ::syscall(SYS_kcmp, own, own, KCMP_FILE, 0, 0) == 0 || errno == EBADF;
  return can_compare && ::syscall(SYS_kcmp, own, pid, KCMP_FILE, ours, fd) == 0;
}

// Most stacks are shorter; one that is not has its lists cut, or is asked of /proc.
bool ProcTruth::first_stack(uint32_t pid, uint64_t& sp, std::string& into) {
  constexpr size_t kMax = 16384;
  const Tid tid(static_cast<pid_t>(pid));
  const Result<Registers> registers = ptrace_registers(tid);
  if (!registers || !registers->is_native()) return false;
  sp = registers->sp();
  into.resize(kMax);
  into.resize(RemoteMemory(tid).read_with(registers->ip() + asked_of_image.from_entry, asked_of_image.size, sp, into.data(), kMax));
  if (!kept_bytes) asked_of_image = {};  // an image of another kind: its own may have no such place
  return true;
}

uint64_t ProcTruth::uptime_ns() {
  timespec now{};
  if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

bool ProcTruth::has_other_numbers() { return is_proc_opened(); }

uint64_t ProcTruth::filesystem(uint32_t pid, const char* name) {
  const ProcPath path = path_of(pid, name);
  const Fd file = open_at(path, O_PATH);
  struct statfs facts;
  if (!path.fits() || !file.is_open() || ::fstatfs(file.get(), &facts) < 0) return 0;
  return static_cast<uint64_t>(facts.f_type);
}

}  // namespace vedette
