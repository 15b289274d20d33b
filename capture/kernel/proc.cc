// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "capture/kernel/fd.h"
#include "capture/kernel/proc_folder.h"

namespace vedette {
namespace {

// A descriptor for when there is no other: what is read in this way decides who an event is told of, and must
// not be missing.
class Reserve {
 public:
  Reserve() { refill(); }
  // True: there is room for one now.
  bool give() {
    const int fd = fd_.exchange(-1);
    return fd >= 0 && ::close(fd) == 0;
  }
  void refill() {
    const int fresh = fd_ < 0 ? ::open("/", O_PATH | O_CLOEXEC) : -1;
    int none = -1;
    if (fresh >= 0 && !fd_.compare_exchange_strong(none, fresh)) ::close(fresh);
  }

 private:
  std::atomic<int> fd_{-1};
};

std::atomic<uint64_t> shortages{0};

Reserve& reserve() {
  static Reserve one;
  return one;
}

bool is_out_of_descriptors() { return errno == EMFILE || errno == ENFILE; }

Result<void> read_opened(PathAt path, std::string& into, size_t max) {
  into.clear();
  // Not blocking: below /proc/PID/root a file may turn out to be a FIFO of the workload's.
  const Fd file = open_at(path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  if (!file.is_open()) return Errno::last();
  constexpr size_t kPiece = 4096;
  while (into.size() < max) {
    const size_t have = into.size();
    const size_t want = std::min(kPiece, max - have);
    into.resize(have + want);
    const ssize_t got = ::read(file.get(), into.data() + have, want);
    into.resize(have + static_cast<size_t>(got > 0 ? got : 0));
    if (got < 0) return Errno::last();
    if (got == 0) break;
  }
  return {};
}

}  // namespace

void keep_descriptor_in_reserve() { (void)reserve(); }

uint64_t descriptor_shortages() { return shortages; }

PathAt::PathAt(const char* path) : folder(AT_FDCWD), name(path) {}

Fd open_at(PathAt path, int flags) { return Fd(::openat(path.folder, path.name, flags | O_CLOEXEC)); }

bool stat_at(PathAt path, struct stat& into) { return ::fstatat(path.folder, path.name, &into, 0) == 0; }

Result<void> read_file(PathAt path, std::string& into, size_t max) {
  Result<void> done = read_opened(path, into, max);
  if (done || !is_out_of_descriptors()) return done;
  ++shortages;
  if (!reserve().give()) return Errno(EMFILE);
  done = read_opened(path, into, max);
  reserve().refill();
  return done;
}

Result<void> read_link(PathAt path, std::string& into) {
  char bytes[PATH_MAX];
  const ssize_t size = ::readlinkat(path.folder, path.name, bytes, sizeof bytes);
  into.assign(bytes, static_cast<size_t>(size > 0 ? size : 0));
  if (size < 0) return Errno::last();
  return {};
}

// Some ten of them an exec: by hand, because printf takes longer than some of the calls that they are for.
ProcPath::ProcPath(Tid tid, std::string_view name) {
  constexpr std::string_view kFolder = "/proc/";
  char* at = std::copy(kFolder.begin(), kFolder.end(), text_);
  at = std::to_chars(at, text_ + sizeof text_, tid.get()).ptr;
  *at++ = '/';
  const size_t used = static_cast<size_t>(at - text_), room = sizeof text_ - used - 1;
  fits_ = name.size() <= room;
  *std::copy_n(name.begin(), std::min(name.size(), room), at) = '\0';
}

ProcPath::ProcPath(std::string_view name) {
  const int size = std::snprintf(text_, sizeof text_, "/proc/%.*s", static_cast<int>(name.size()), name.data());
  fits_ = size > 0 && static_cast<size_t>(size) < sizeof text_;
}

int ProcPath::folder() const { return is_proc_opened() ? opened_proc() : AT_FDCWD; }

const char* ProcPath::name() const { return is_proc_opened() ? text_ + sizeof "/proc/" - 1 : text_; }

std::optional<uint64_t> lowest_mapping(Tid tid) {
  std::string line;
  constexpr size_t kFirstLine = 64;
  if (!read_file(ProcPath(tid, "maps"), line, kFirstLine)) return {};
  const std::optional<MapLine> map = read_map_line(line);
  return map ? std::optional(map->start) : std::nullopt;
}

std::optional<int64_t> stat_field(std::string_view stat, int number) {
  constexpr int kAfterName = 3;  // the state, behind "PID (comm) "
  size_t at = stat.rfind(") ");
  if (at == stat.npos || number < kAfterName) return std::nullopt;
  at += 2;
  for (int field = kAfterName; field < number; ++field) {
    at = stat.find(' ', at);
    if (at == stat.npos) return std::nullopt;
    ++at;
  }
  int64_t value = 0;
  const std::from_chars_result parsed = std::from_chars(stat.data() + at, stat.data() + stat.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

bool has_only_forked(std::string_view stat) {
  constexpr int kFlags = 9;
  constexpr int64_t kForkedNoExec = 0x40;  // PF_FORKNOEXEC, include/linux/sched.h
  return (stat_field(stat, kFlags).value_or(0) & kForkedNoExec) != 0;
}

bool has_executed(Tid process) {
  constexpr size_t kStatMax = 8192;
  std::string stat;
  return read_file(ProcPath(process, "stat"), stat, kStatMax) && !stat.empty() && !has_only_forked(stat);
}

}  // namespace vedette
