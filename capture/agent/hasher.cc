// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hasher.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "capture/agent/mount_list.h"
#include "capture/kernel/clock.h"
#include "capture/kernel/features.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kTickNs = 20'000'000;
constexpr uint64_t kEarlyNs = 100'000'000;  // how much later than records tell a process may have begun, by another clock
constexpr uint64_t kLateNs = kSecondNs;     // how late the tracer may be
constexpr size_t kPiece = 64 << 10;
constexpr uint64_t kBurst = 1 << 20;
constexpr size_t kMountsMax = 1 << 20;
constexpr size_t kStatMax = 1024;
constexpr size_t kStatusMax = 8192;
constexpr const char* kChanged = "its file was changed since it was executed";
constexpr size_t kWaitingMax = 64;
constexpr size_t kKnownMax = 256;
constexpr size_t kStackBytes = 128 << 10;
constexpr int kNice = 19;

struct Look {
  uint64_t dev = 0, ino = 0, size = 0, mtime_ns = 0, ctime_ns = 0;
  bool is_plain = false;
  bool operator==(const Look&) const = default;
};

uint64_t in_ns(const statx_timestamp& time) { return static_cast<uint64_t>(time.tv_sec) * kSecondNs + time.tv_nsec; }

uint64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecondNs + static_cast<uint64_t>(now.tv_nsec);
}

void sleep_ns(uint64_t ns) {
  const timespec pause{static_cast<time_t>(ns / kSecondNs), static_cast<long>(ns % kSecondNs)};
  ::nanosleep(&pause, nullptr);
}

// `how`: AT_STATX_DONT_SYNC where a program might have to be asked: then the kernel says what it knows.
std::optional<Look> look_at(const Fd& file, int how) {
  struct statx facts;
  if (!file.is_open() || ::statx(file.get(), "", AT_EMPTY_PATH | how, STATX_BASIC_STATS, &facts) != 0) return std::nullopt;
  return Look{.dev = ::makedev(facts.stx_dev_major, facts.stx_dev_minor), .ino = facts.stx_ino, .size = facts.stx_size,
              .mtime_ns = in_ns(facts.stx_mtime), .ctime_ns = in_ns(facts.stx_ctime), .is_plain = S_ISREG(facts.stx_mode)};
}

// All mounts that somebody sees. Nothing: they cannot be read, or are more than we look at.
std::optional<std::string> mounts_of(Tid whom) {
  std::string mounts;
  if (!read_file(ProcPath(whom, "mountinfo"), mounts, kMountsMax) || mounts.size() >= kMountsMax) return std::nullopt;
  return mounts;
}

// Where the kernel does not tell (before Linux 5.8): nothing.
std::optional<uint64_t> mount_number(const Fd& file) {
  struct statx facts;
  if (!file.is_open() || ::statx(file.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &facts) != 0) return std::nullopt;
  return (facts.stx_mask & STATX_MNT_ID) != 0 ? std::optional<uint64_t>(facts.stx_mnt_id) : std::nullopt;
}

std::optional<Mount> mount_of(std::string_view mounts, const Fd& file) {
  const std::optional<uint64_t> number = mount_number(file);
  return number ? mount_numbered(mounts, *number) : std::nullopt;
}

// The overlay that is our root: the runtime mounted it before the workload began. Empty: ours is none.
std::string_view own_overlay(std::string_view own_mounts) {
  const std::optional<Mount> root = mount_of(own_mounts, open_at("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return root && root->storage == Storage::Overlay ? root->device : std::string_view();
}

// What memfd_create makes lies on a mount that no list has.
uint64_t device_of_memfds() {
  const std::optional<Look> look = look_at(Fd(::memfd_create("vedette", MFD_CLOEXEC)), AT_STATX_DONT_SYNC);
  return look ? look->dev : 0;
}

// Whether a process can have mounted nothing itself: neither with its own rights, nor as root of a user
// namespace of its own.
bool cannot_mount(Tid process) {
  std::string status, its, own;
  if (!read_file(ProcPath(process, "status"), status, kStatusMax) || status_field(status, "CapBnd").empty()) return false;
  if ((status_mask(status, "CapBnd") & 1ull << CAP_SYS_ADMIN) != 0) return false;
  return read_link(ProcPath(process, "ns/user"), its) && read_link(ProcPath(Tid(::getpid()), "ns/user"), own) && its == own;
}

// What an open file of a process lies on. Of the overlay of another container of the task we see no more than
// that it is its root, and that the process could not have put another one there.
Storage storage_of(const Fd& file, Tid process) {
  const std::optional<std::string> own = mounts_of(Tid(::getpid()));
  if (!own || !mount_number(file)) return Storage::Unsure;
  const std::optional<std::string> its = mounts_of(process);
  std::optional<Mount> mount = mount_of(*own, file);
  if (!mount && its) mount = mount_of(*its, file);
  if (!mount) {
    const std::optional<Look> look = look_at(file, AT_STATX_DONT_SYNC);
    return look && look->dev == device_of_memfds() ? Storage::Memory : Storage::Unsure;
  }
  if (mount->storage != Storage::Overlay) return mount->storage;
  const bool is_known = mount->device == own_overlay(*own) || (mount->is_root && cannot_mount(process));
  return is_known ? Storage::Disk : Storage::Unsure;
}

// Where the kernel said it lies, from our own root. The kernel's names have no links on their way.
Fd at_its_path(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

// When a process began, by its stat file (proc(5)), within a hundredth of a second.
std::optional<uint64_t> began_ns(Tid process) {
  constexpr int kStartTime = 22;
  std::string stat;
  if (!read_file(ProcPath(process, "stat"), stat, kStatMax)) return std::nullopt;
  const std::optional<int64_t> ticks = stat_field(stat, kStartTime);
  if (!ticks) return std::nullopt;
  const uint64_t since_boot = static_cast<uint64_t>(*ticks) * (kSecondNs / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
  return now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME) + since_boot;
}

Fd executable_of(Tid process, int flags) { return open_at(ProcPath(process, "exe"), flags | O_CLOEXEC); }

// Whether the process that is meant runs that file now, as it was found. Records tell of a process's birth
// when the tracer has come to know of it: after the birth, and never before. Whoever has its number later
// began later.
bool still_runs(const HashRequest& request, const Look& found) {
  const std::optional<Look> now = look_at(executable_of(request.process, O_PATH), AT_STATX_DONT_SYNC);
  const std::optional<uint64_t> began = began_ns(request.process);
  return now && began && *now == found && *began < request.start_ns + kEarlyNs && request.start_ns < *began + kLateNs;
}

// The time of a change goes in steps: the kernel's clock of files is up to 10 ms late, and some file systems
// have no more than seconds.
uint64_t step_of(uint64_t time_ns) { return time_ns % kSecondNs == 0 ? kSecondNs + kTickNs : kTickNs; }

}  // namespace

bool lets_write_to_running(KernelVersion running) { return running >= KernelVersion{6, 11} && running < KernelVersion{6, 13}; }

Hasher::Hasher() : Hasher(HashLimits{.lets_write_to_running = lets_write_to_running(features().running)}) {}

Hasher::~Hasher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!is_started_) return;
    is_closing_ = true;
  }
  asked_.notify_one();
  ::pthread_join(thread_, nullptr);
}

void Hasher::ask(HashRequest request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!is_started_) start();
  if (!is_started_ || requests_.size() >= kWaitingMax) {
    refuse_locked(request.id, is_started_ ? "too many others wait" : "there is no thread for it");
    return;
  }
  requests_.push_back(std::move(request));
  asked_.notify_one();
}

void Hasher::refuse(uint64_t id, const char* why) {
  const std::lock_guard<std::mutex> lock(mutex_);
  refuse_locked(id, why);
}

void Hasher::refuse_locked(uint64_t id, const char* why) {
  if (answers_.size() < kWaitingMax) answers_.push_back({.id = id, .digest = std::nullopt, .why = why});
}

std::vector<HashAnswer> Hasher::take_answers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(answers_, {});
}

void Hasher::greet() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++asker_;
  requests_.clear();
  answers_.clear();
}

void Hasher::start() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  is_started_ = ::pthread_create(&thread_, &attributes, thread_main, this) == 0;
  ::pthread_attr_destroy(&attributes);
}

void* Hasher::thread_main(void* self) {
  (void)::setpriority(PRIO_PROCESS, 0, kNice);  // Linux has a priority for each thread
  static_cast<Hasher*>(self)->run();
  return nullptr;
}

void Hasher::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return is_closing_ || !requests_.empty(); });
    if (is_closing_) return;
    const HashRequest request = requests_.front();
    requests_.erase(requests_.begin());
    const uint64_t asker = asker_;
    lock.unlock();
    HashAnswer answer = look(request);
    lock.lock();
    if (asker == asker_ && answers_.size() < kWaitingMax) answers_.push_back(std::move(answer));
  }
}

HashAnswer Hasher::look(const HashRequest& request) {
  HashAnswer answer{.id = request.id, .digest = std::nullopt};
  const auto without = [&answer](const char* why) {
    answer.digest.reset();
    answer.why = why;
    return answer;
  };
  constexpr const char* kUnsure = "its file system may be served by a program, or over a network";
  const Tid own(::getpid());
  Fd place = executable_of(request.process, O_PATH);
  std::optional<Look> meant = look_at(place, AT_STATX_DONT_SYNC);
  const auto is_meant = [&] { return meant && meant->dev == request.dev && meant->ino == request.ino; };
  const bool runs = is_meant();
  if (!runs) {
    const std::optional<std::string> mounts = mounts_of(own);
    if (!mounts || !is_way_sure(*mounts, request.path, own_overlay(*mounts))) return without(kUnsure);
    place = at_its_path(request.path);
    meant = look_at(place, AT_STATX_DONT_SYNC);
  }
  if (!is_meant()) return without("the process is gone, and its file is not where it was");
  const Storage storage = storage_of(place, runs ? request.process : own);
  if (storage != Storage::Disk && storage != Storage::Memory) return without(kUnsure);
  if (!meant->is_plain) return without("it is no plain file");
  if (meant->size > limits_.bytes) return without("it is too large");
  if (meant->ctime_ns != request.ctime_ns) return without(kChanged);
  const uint64_t settled_ns = meant->ctime_ns + step_of(meant->ctime_ns), now = now_ns(CLOCK_REALTIME);
  if (settled_ns > now) sleep_ns(std::min(settled_ns - now, kSecondNs + kTickNs));
  const uint64_t looked_ns = now_ns(CLOCK_REALTIME);
  const Fd file = open_at(ProcPath(own, "fd/" + std::to_string(place.get())), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const std::optional<Look> before = look_at(file, 0);
  if (!before) return without("it cannot be read");
  // From here on a change has another ctime.
  if (*before != *meant || settled_ns > looked_ns) return without(kChanged);
  const bool tells_changes = storage == Storage::Disk && !limits_.lets_write_to_running;
  const Key key{before->dev, before->ino, before->size, before->mtime_ns, before->ctime_ns};
  const auto known = tells_changes ? known_.find(key) : known_.end();
  answer.digest = known != known_.end() ? std::optional(known->second) : read(file, before->size, answer.why);
  if (!answer.digest) return answer;
  if (look_at(file, 0) != before) return without("it changes");
  const bool is_as_executed = tells_changes && request.start_ns > settled_ns;
  if (!is_as_executed && !still_runs(request, *before)) return without("the process is gone, and the file may be another by now");
  if (!tells_changes) {
    answer.why = "for this process alone: its file may change, and its times stay";
    return answer;
  }
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(key, *answer.digest);
  return answer;
}

std::optional<Sha256::Digest> Hasher::read(const Fd& file, uint64_t size, std::string& why) const {
  const uint64_t deadline = monotonic_ns() + limits_.ns;
  std::vector<uint8_t> piece(kPiece);
  Sha256 hash;
  for (uint64_t at = 0; at < size;) {
    const ssize_t got = ::pread(file.get(), piece.data(), std::min<uint64_t>(kPiece, size - at), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      why = got < 0 ? "it cannot be read" : "it changes";
      return std::nullopt;
    }
    hash.add(std::span(piece).first(static_cast<size_t>(got)));
    at += static_cast<uint64_t>(got);
    if (at % kBurst == 0 && at < size) sleep_ns(limits_.pause_ns);
    if (monotonic_ns() > deadline) {
      why = "it took too long";
      return std::nullopt;
    }
  }
  return hash.done();
}

}  // namespace vedette
