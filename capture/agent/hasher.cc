// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/hasher.h"

#include <fcntl.h>
#include <linux/openat2.h>
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

#include "capture/kernel/clock.h"
#include "capture/kernel/proc.h"

namespace vedette {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kTickNs = 20'000'000;   // the kernel's clock of files is up to 10 ms late
constexpr uint64_t kBirthNs = kSecondNs;   // by how much two clocks may differ about when a process began
constexpr size_t kPiece = 64 << 10;
constexpr uint64_t kBurst = 1 << 20;
constexpr size_t kMountsMax = 1 << 20;
constexpr size_t kStatMax = 1024;
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

// The next word of a line, which loses it.
std::string_view next_word(std::string_view& line) {
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (folder == "/" || path.size() == folder.size() || path[folder.size()] == '/');
}

// Of the mounts that somebody sees; a list that is too long to be sure counts, too.
bool is_served_to(Tid whom, uint64_t dev, std::string_view path) {
  std::string mounts;
  if (!read_file(ProcPath(whom, "mountinfo"), mounts, kMountsMax) || mounts.size() >= kMountsMax) return true;
  return is_served_by_program(mounts, dev, path);
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

// Whether the process that is meant runs that file now.
bool still_runs(const HashRequest& request) {
  const std::optional<Look> now = look_at(executable_of(request.process, O_PATH), AT_STATX_DONT_SYNC);
  const std::optional<uint64_t> began = began_ns(request.process);
  if (!now || !began || now->dev != request.dev || now->ino != request.ino) return false;
  return std::max(*began, request.start_ns) - std::min(*began, request.start_ns) < kBirthNs;
}

}  // namespace

//   36 35 0:45 / /mnt/x rw,noatime shared:7 - fuse.sshfs somebody rw
bool is_served_by_program(std::string_view mounts, uint64_t dev, std::string_view path) {
  const std::string device = std::to_string(::gnu_dev_major(dev)) + ":" + std::to_string(::gnu_dev_minor(dev));
  while (!mounts.empty()) {
    const size_t end = std::min(mounts.find('\n'), mounts.size());
    std::string_view line = mounts.substr(0, end);
    mounts.remove_prefix(std::min(end + 1, mounts.size()));
    const size_t type = line.find(" - ");
    if (type == std::string_view::npos || !line.substr(type + 3).starts_with("fuse")) continue;
    for (int before = 0; before < 2; ++before) next_word(line);
    const std::string_view its_device = next_word(line);
    next_word(line);
    const std::string_view point = next_word(line);
    if (its_device == device || (!path.empty() && (point.find('\\') != std::string_view::npos || is_below(path, point)))) return true;
  }
  return false;
}

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
    const char* const why = is_started_ ? "too many others wait" : "there is no thread for it";
    if (answers_.size() < kWaitingMax) answers_.push_back({.id = request.id, .digest = std::nullopt, .why = why});
    return;
  }
  requests_.push_back(std::move(request));
  asked_.notify_one();
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
  Fd place = executable_of(request.process, O_PATH);
  std::optional<Look> meant = look_at(place, AT_STATX_DONT_SYNC);
  const auto is_meant = [&] { return meant && meant->dev == request.dev && meant->ino == request.ino; };
  const bool runs = is_meant();
  const Tid own(::getpid());
  if (is_served_to(runs ? request.process : own, request.dev, runs ? "" : request.path)) return without("a program serves its file system");
  if (!runs) {
    place = at_its_path(request.path);
    meant = look_at(place, AT_STATX_DONT_SYNC);
  }
  if (!is_meant()) return without("the process is gone, and its file is not where it was");
  if (!meant->is_plain) return without("it is no plain file");
  if (meant->size > limits_.bytes) return without("it is too large");
  const uint64_t clock = now_ns(CLOCK_REALTIME);
  if (meant->ctime_ns + kTickNs > clock) sleep_ns(kTickNs);  // from here on a change has another ctime
  const Fd file = open_at(ProcPath(own, "fd/" + std::to_string(place.get())), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const std::optional<Look> before = look_at(file, 0);
  if (!before) return without("it cannot be read");
  if (before->size > limits_.bytes) return without("it is too large");
  const Key key{before->dev, before->ino, before->size, before->mtime_ns, before->ctime_ns};
  const auto known = known_.find(key);
  answer.digest = known != known_.end() ? std::optional(known->second) : read(file, before->size, answer.why);
  if (!answer.digest) return answer;
  if (look_at(file, 0) != before) return without("it changes");
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(key, *answer.digest);
  const bool is_as_executed = before->ctime_ns == request.ctime_ns && request.start_ns > request.ctime_ns + kTickNs;
  if (!is_as_executed && !still_runs(request)) return without("the process is gone, and the file may be another by now");
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
