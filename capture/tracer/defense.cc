// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer/defense.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "capture/kernel/proc.h"
#include "capture/kernel/proc_folder.h"

namespace vedette {
namespace {

// How a call names whom it is about.
enum class Aim : uint8_t {
  Number,         // a process or thread by its number in `arg`
  NumberToSet,    // the same, when the argument two further is not zero: it sets something
  NumberOfOne,    // the same, when the first argument says that one process is meant
  Either,         // by its number in `arg` or the next
  Signal,         // a number, and a signal in the next argument
  Pidfd,          // a descriptor of a process
  PidfdSignal,    // the same, and a signal in the next argument
  OwnersSignal,   // fcntl: the signal by which a descriptor's owner is told
};

struct AimedCall {
  uint32_t nr;
  uint32_t nr32;  // by int 0x80
  const char* name;
  const char* what;
  Aim aim;
  uint8_t arg = 0;
};

constexpr char kSignal[] = "a signal that would end or hold it";
constexpr char kMemory[] = "its memory";
constexpr char kDescriptors[] = "its descriptors";
constexpr char kLimits[] = "its limits";
constexpr char kScheduling[] = "its scheduling";
constexpr char kHandle[] = "a descriptor of its process";

constexpr AimedCall kCalls[] = {
    {SYS_kill, 37, "kill", kSignal, Aim::Signal},
    {SYS_tkill, 238, "tkill", kSignal, Aim::Signal},
    {SYS_tgkill, 270, "tgkill", kSignal, Aim::Signal, 1},
    {SYS_rt_sigqueueinfo, 178, "rt_sigqueueinfo", kSignal, Aim::Signal},
    {SYS_rt_tgsigqueueinfo, 335, "rt_tgsigqueueinfo", kSignal, Aim::Signal, 1},
    {SYS_pidfd_send_signal, 424, "pidfd_send_signal", kSignal, Aim::PidfdSignal},
    {SYS_fcntl, 55, "fcntl", kSignal, Aim::OwnersSignal, 2},
    {SYS_fcntl, 221, "fcntl64", kSignal, Aim::OwnersSignal, 2},
    {SYS_pidfd_open, 434, "pidfd_open", kHandle, Aim::Number},
    {SYS_pidfd_getfd, 438, "pidfd_getfd", kDescriptors, Aim::Pidfd},
    {SYS_ptrace, 26, "ptrace", kMemory, Aim::Number, 1},
    {SYS_process_vm_readv, 347, "process_vm_readv", kMemory, Aim::Number},
    {SYS_process_vm_writev, 348, "process_vm_writev", kMemory, Aim::Number},
    {SYS_process_madvise, 440, "process_madvise", kMemory, Aim::Pidfd},
    {SYS_process_mrelease, 448, "process_mrelease", kMemory, Aim::Pidfd},
    {SYS_move_pages, 317, "move_pages", kMemory, Aim::Number},
    {SYS_migrate_pages, 294, "migrate_pages", kMemory, Aim::Number},
    {SYS_get_robust_list, 312, "get_robust_list", kMemory, Aim::Number},
    {SYS_kcmp, 349, "kcmp", kMemory, Aim::Either},
    {SYS_perf_event_open, 336, "perf_event_open", kMemory, Aim::Number, 1},
    {SYS_prlimit64, 340, "prlimit64", kLimits, Aim::NumberToSet},
    {SYS_sched_setaffinity, 241, "sched_setaffinity", kScheduling, Aim::Number},
    {SYS_sched_setscheduler, 156, "sched_setscheduler", kScheduling, Aim::Number},
    {SYS_sched_setparam, 154, "sched_setparam", kScheduling, Aim::Number},
    {SYS_sched_setattr, 351, "sched_setattr", kScheduling, Aim::Number},
    {SYS_setpriority, 97, "setpriority", kScheduling, Aim::NumberOfOne, 1},
    {SYS_ioprio_set, 289, "ioprio_set", kScheduling, Aim::NumberOfOne, 1},
};

constexpr std::string_view kProc = "/proc/";
constexpr std::string_view kProcFolder = "/proc";
constexpr uint32_t kAll = 0xffffffff;
constexpr uint64_t kPriorityOfProcess = 0, kIoPriorityOfProcess = 1;  // PRIO_PROCESS, IOPRIO_WHO_PROCESS

// We block all signals but these (signals.cc).
bool is_deadly(uint64_t signal) {
  switch (static_cast<int>(signal)) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGABRT:
    case SIGSYS: return true;
    default: return false;
  }
}

// One that started us passes these on to us (addon/signals.cc); another one ends by some, and by none of the
// rest would it go on as it was.
bool ends_host(uint64_t signal, pid_t host) {
  switch (static_cast<int>(signal)) {
    case 0:
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGHUP: return false;
    case SIGINT:
    case SIGQUIT:
    case SIGTERM:
    case SIGUSR1:
    case SIGUSR2:
    case SIGALRM: return host != ::getppid();
    default: return true;
  }
}

// The kernel's answer, as threads come and go.
bool is_own(pid_t tid) { return ::syscall(SYS_tgkill, ::getpid(), tid, 0) == 0; }

// EPERM, and EACCES by a security module: it is one, which we may send no signal. Who looks for it asks
// before that (kernel/signal.c: ESRCH).
bool is_hosts(pid_t host, pid_t tid) { return host > 0 && (::syscall(SYS_tgkill, host, tid, 0) == 0 || errno == EPERM || errno == EACCES); }

// Of our pid namespace. `host`: 0 where it is not known.
bool is_guarded(uint64_t number, pid_t host) {
  const pid_t tid = static_cast<pid_t>(number);
  return tid > 0 && (is_own(tid) || is_hosts(host, tid));
}

// Whether a signal to that number, or process, would end or hold one that is guarded.
bool would_end(uint64_t signal, uint64_t number, pid_t host) {
  const pid_t tid = static_cast<pid_t>(number);
  if (tid <= 0) return false;
  return (is_deadly(signal) && is_own(tid)) || (ends_host(signal, host) && is_hosts(host, tid));
}

bool names_us(const AimedCall& call, const SyscallInfo& info, pid_t host) {
  const auto& args = info.seccomp.args;
  switch (call.aim) {
    case Aim::Number: return is_guarded(args[call.arg], host);
    case Aim::NumberToSet: return args[2] != 0 && is_guarded(args[call.arg], host);
    case Aim::NumberOfOne: return args[0] == (call.nr == SYS_ioprio_set ? kIoPriorityOfProcess : kPriorityOfProcess) && is_guarded(args[call.arg], host);
    case Aim::Either: return is_guarded(args[call.arg], host) || is_guarded(args[call.arg + 1], host);
    case Aim::Signal: return would_end(args[call.arg + 1], args[call.arg], host);
    default: return false;
  }
}

// Digits and nothing else.
std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// What nobody else needs to open. ps, top and their like read the others of all processes.
constexpr const char* kPrivateNames[] = {"mem",     "environ",  "maps", "smaps",  "smaps_rollup", "numa_maps", "pagemap",
                                         "auxv",    "fd",       "root", "fdinfo", "map_files",    "cwd",       "io",
                                         "stack",   "syscall",  "personality"};
bool is_private_name(std::string_view name) {
  return std::find(std::begin(kPrivateNames), std::end(kPrivateNames), name) != std::end(kPrivateNames);
}

// Takes "NAME" off "NAME/rest".
std::string_view take_name(std::string_view& path) {
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view name = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  return name;
}

// "/proc" of "/proc/17".
std::string_view folder_of(std::string_view path) { return path.substr(0, std::min(path.rfind('/'), path.size())); }

// Few paths do, and this is asked of every file that is opened.
bool names_a_number(std::string_view path) {
  bool begins = true;
  for (const char c : path) {
    if (begins && c >= '0' && c <= '9') return true;
    begins = c == '/';
  }
  return false;
}

bool opens(EventId id) {
  return id == EventId::open || id == EventId::openat || id == EventId::openat2 || id == EventId::creat;
}

// The flags' slot is one and the same.
static_assert(static_cast<int>(slot::openat_::flags) == static_cast<int>(slot::openat2_::flags));
bool writes_by(const Event& event) {
  if (event.id == EventId::creat) return true;
  const unsigned flags = event.id == EventId::open ? static_cast<unsigned>(slot::open_::flags) : static_cast<unsigned>(slot::openat_::flags);
  return event.has(flags) && (event.integer(flags) & O_ACCMODE) != O_RDONLY;
}

// Of a process that is guarded.
std::optional<FileFacts> file_of(std::string_view process, std::string_view name) {
  const std::string path = std::string(kProc).append(process).append("/").append(name);
  struct stat facts;
  if (::lstat(path.c_str(), &facts) < 0) return std::nullopt;  // where cwd and root lead to may be on a disk that hangs
  return FileFacts{.dev = facts.st_dev, .ino = facts.st_ino};
}

bool is_file_of(std::string_view process, std::string_view name, const Descriptor& file) {
  const std::optional<FileFacts> own = file_of(process, name);
  return own && own->dev == file.dev && own->ino == file.ino;
}

// By what the kernel has in its memory: no file system is asked, so none can make us wait (Linux 5.12).
// Before that: none.
Fd open_at_once(const Fd& folder, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how)));
}

// The type of a file system, by a task's list of mounts; empty: it is not there.
std::string type_of(Tid task, uint64_t device) {
  constexpr size_t kMountsMax = 1 << 20;
  std::string mounts;
  (void)read_file(ProcPath(task, "mountinfo"), mounts, kMountsMax);
  const std::string sought = std::to_string(::gnu_dev_major(device)) + ":" + std::to_string(::gnu_dev_minor(device));
  for (std::string_view rest = mounts; !rest.empty();) {
    const std::optional<MountLine> line = read_mount_line(take_line(rest));
    if (line && line->device == sought) return std::string(line->type);
  }
  return {};
}

uint64_t device_of_proc() {
  static const uint64_t device = file_of("self", "mem").value_or(FileFacts{}).dev;
  return device;
}

}  // namespace

void Defense::add_rules(std::vector<FilterRule>& rules) {
  for (const AimedCall& call : kCalls) {
    const FilterCondition something = {call.arg, kAll, 1, FilterWord::Low, FilterTest::NotBelow};
    switch (call.aim) {
      case Aim::Number:
      case Aim::NumberToSet:
      case Aim::NumberOfOne: rules.push_back({call.nr, {something}}); break;
      case Aim::OwnersSignal: rules.push_back({call.nr, {{1, kAll, F_SETSIG}}, {}, true}); break;
      default: rules.push_back({call.nr, {}});
    }
  }
}

std::optional<Defense::Attack> Defense::judge(const Task& task, const SyscallInfo& info) {
  const bool is_native = info.arch == kAuditNative;
  const auto& args = info.seccomp.args;
  for (const AimedCall& call : kCalls) {
    if (info.seccomp.nr != (is_native ? call.nr : call.nr32)) continue;
    const int fd = static_cast<int>(args[call.arg]);
    switch (call.aim) {
      case Aim::OwnersSignal:
        if (args[1] == F_SETSIG && is_deadly(args[call.arg])) return Attack{call.name, call.what, static_cast<int64_t>(args[call.arg])};
        break;
      case Aim::PidfdSignal:
        if (would_end(args[1], process_of(task, fd), host())) return Attack{call.name, call.what, static_cast<int64_t>(args[1])};
        break;
      case Aim::Pidfd:
        if (is_guarded(process_of(task, fd), host())) return Attack{call.name, call.what};
        break;
      default:
        if (!names_us(call, info, host()) || !shares_numbers(task)) break;
        return Attack{call.name, call.what, call.aim == Aim::Signal ? static_cast<int64_t>(args[call.arg + 1]) : 0};
    }
  }
  return std::nullopt;
}

bool Defense::chooses_signal(const SyscallInfo& info) {
  return info.arch == kAuditNative && info.seccomp.nr == SYS_fcntl && info.seccomp.args[1] == F_SETSIG;
}

// In a pid namespace of its own a program's numbers mean others than ours. The kernel lists one number a
// namespace.
bool Defense::shares_numbers(const Task& task) {
  constexpr size_t kStatusMax = 8192;
  if (!read_file(ProcPath(task.tid, "status"), text_, kStatusMax)) return true;
  const std::string_view numbers = status_field(text_, "NSpid");
  return numbers.substr(0, numbers.find('\n')).find('\t') == std::string_view::npos;
}

// Of a descriptor that pidfd_open made, or, for signals, of a directory of procfs; 0: of none.
uint64_t Defense::process_of(const Task& task, int fd) {
  constexpr size_t kInfoMax = 4096;
  if (!read_file(ProcPath(task.tid, "fdinfo/" + std::to_string(fd)), text_, kInfoMax)) return 0;
  const std::string_view process = status_field(text_, "Pid");
  if (!process.empty()) return static_cast<uint64_t>(std::max(0, whole_number(process.substr(0, process.find('\n'))).value_or(0)));
  if (!read_link(ProcPath(task.tid, "fd/" + std::to_string(fd)), text_)) return 0;
  const std::optional<int> number = whole_number(std::string_view(text_).substr(text_.rfind('/') + 1));
  if (!number || !shows_guarded(task.tid, folder_of(text_), *number, host())) return 0;
  return is_guarded(static_cast<uint64_t>(*number), host()) ? static_cast<uint64_t>(*number) : static_cast<uint64_t>(::getpid());
}

// Whether what stands in a folder under this number, as a task sees it, is one that is guarded. Each procfs
// has the numbers of one pid namespace; whose they are, its `self` tells whoever asks: our own number there,
// or that we are not there. What is no root of a procfs, a bind mount of a part of it for example, does not
// tell, nor what cannot be asked without waiting for a file system of the task's own.
bool Defense::shows_guarded(Tid task, std::string_view folder, int number, pid_t host) {
  constexpr uint64_t kRootOfProc = 1;  // PROC_ROOT_INO (include/linux/proc_ns.h)
  if (folder == kProcFolder && is_proc_opened()) {
    return is_of_in_mounted_proc(Tid(::getpid()), Tid(number)) || (host > 0 && is_of_in_mounted_proc(Tid(host), Tid(number)));
  }
  if (!is_guarded(static_cast<uint64_t>(number), host)) return false;
  const Fd root = open_at(ProcPath(task, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
  const Fd place = open_at_once(root, folder.empty() ? "/" : std::string(folder), O_DIRECTORY);
  struct statx facts;
  if (!place.is_open() || ::statx(place.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &facts) != 0) return true;
  const uint64_t device = ::makedev(facts.stx_dev_major, facts.stx_dev_minor);
  if (facts.stx_ino != kRootOfProc || device == device_of_proc() || type_of(task, device) != "proc") return true;
  const Fd self = open_at_once(place, "self", O_NOFOLLOW);
  if (!self.is_open()) return true;
  char its[16];
  const ssize_t size = ::readlinkat(self.get(), "", its, sizeof its);
  return size > 0 && std::string_view(its, static_cast<size_t>(size)) == std::to_string(::getpid());
}

// The name of the file below procfs that a path leads to (mem, fd/3), if that is of a guarded process and
// nobody else's business: empty where it is not. Others, such as `stat`, are read by ps and top. A number,
// below whatever mount of procfs, and then a name.
std::string_view Defense::private_file(const Sighting& sighting, std::string_view path) {
  if (!names_a_number(path)) return {};
  const bool writes = writes_by(sighting.event);
  const char *const begin = path.data(), *const end = begin + path.size();
  while (!path.empty()) {
    const size_t before = static_cast<size_t>(path.data() - begin);
    const std::optional<int> number = whole_number(take_name(path));
    if (!number) continue;
    std::string_view rest = path;
    std::string_view file = take_name(rest);
    if (file == "task") {
      (void)take_name(rest);
      file = take_name(rest);
    }
    if (!writes && !is_private_name(file)) continue;
    const std::string_view folder(begin, before > 0 ? before - 1 : 0);
    if (shows_guarded(Tid(static_cast<pid_t>(sighting.event.call.tid)), folder, *number, host_of_files())) {
      return std::string_view(file.data(), static_cast<size_t>(end - file.data()));
    }
  }
  return {};
}

bool Defense::aims_at_us(const Sighting& sighting) {
  return opens(sighting.event.id) && sighting.path.starts_with(kProc) && !private_file(sighting, sighting.path).empty();
}

// By the name that was given; by the kernel's where the open succeeded; and where there is none, by what the
// given one leads to.
std::string_view Defense::reached_for(const Sighting& sighting) {
  const Event& event = sighting.event;
  if (!opens(event.id) || !sighting.descriptor) return {};
  if (sighting.path.starts_with(kProc)) {
    if (const std::string_view name = private_file(sighting, sighting.path); !name.empty()) return name;
  }
  const Descriptor& file = *sighting.descriptor;
  if (file.real && view(file.real).starts_with(kProc)) return private_file(sighting, view(file.real));
  if (file.real) return elsewhere(sighting);
  const bool may_lead_there = event.failed() ? event.call.result == -EACCES || event.call.result == -EPERM : sighting.path != view(file.raw);
  if (!may_lead_there || !file.raw || !file.name) return {};
  const std::string_view given = view(file.raw).starts_with('/') ? view(file.raw) : view(file.name);
  if (!truth_.resolve(event.call.tid, sighting.process ? sighting.process->pid : event.call.tid, false, given, true, text_) || !text_.starts_with(kProc)) return {};
  return private_file(sighting, text_);
}

// A file of procfs by another name than /proc's: a bind mount shows the same inode, another procfs the same
// numbers.
std::string_view Defense::elsewhere(const Sighting& sighting) {
  const Descriptor& file = *sighting.descriptor;
  if (file.dev == device_of_proc()) {
    const std::string host = std::to_string(host_of_files());
    for (const char* name : kPrivateNames) {
      if (is_file_of("self", name, file) || (host != "0" && is_file_of(host, name, file))) return name;
    }
    return {};
  }
  if (file.real == numberless_) return {};
  if (!names_a_number(view(file.real))) {
    numberless_ = file.real;
    return {};
  }
  const std::string_view name = private_file(sighting, view(file.real));
  if (name.empty()) return {};
  const std::string type = type_of(Tid(static_cast<pid_t>(sighting.event.call.tid)), file.dev);
  if (!type.empty()) return type == "proc" ? name : std::string_view();
  const std::string link = "fd/" + std::to_string(sighting.event.fd);  // of a mount that is attached nowhere
  return truth_.filesystem(sighting.event.call.tid, link.c_str()) == PROC_SUPER_MAGIC ? name : std::string_view();
}

bool Defense::writes(const Sighting& sighting) { return writes_by(sighting.event); }

}  // namespace vedette
